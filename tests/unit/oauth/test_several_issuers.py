"""Several lines of om_oauth: each names the user only by tokens of its own issuer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import CLIENT, Issuer
from tests.unit.oauth.serving import Server
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.codes import ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder


@pytest.fixture
def others() -> Iterator[Issuer]:
    """Return another issuer."""
    with Issuer() as other_issuer:
        yield other_issuer


@pytest.fixture
def server(
    way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> Server:
    """Return a service for tokens."""
    return Server(way, folder, issuer, caplog)


def by_keys(issuer: Issuer, *options: str) -> str:
    return " ".join((f"issuer={issuer.url} audience=mail keys={issuer.url}/keys", *options))


def by_asking(issuer: Issuer, folder: Path) -> str:
    secret = folder / "secret"
    secret.write_text(CLIENT[1])
    return (
        f"issuer={issuer.url} audience=mail introspection={issuer.url}/introspect "
        f"client_id={CLIENT[0]} client_secret_file={secret}"
    )


def test_a_token_of_one_issuer_is_not_named_by_the_line_of_another(
    server: Server, issuer: Issuer, others: Issuer
) -> None:
    lines = by_keys(issuer, "claim=sub"), by_keys(others)
    for order in itertools.permutations(lines):
        server.lines(*order)
        token = others.token(sub="42", email="jsmith@example.com")
        assert server.log_in(token).user == "jsmith@example.com"
        token = issuer.token(sub="boss", email="jsmith@example.com")
        assert server.log_in(token, "boss").user == "boss"
        for forged in (
            others.token(iss=issuer.url, sub="boss"),
            issuer.token(iss=others.url),
            others.token(iss="https://c.example", sub="boss"),
        ):
            for user in ("boss", "jsmith@example.com"):
                with pytest.raises(AuthenticationFailed):
                    server.log_in(forged, user)
        # No issuer is asked again for a key because of another's token.
    assert set(issuer.asked) == {"/keys"}


def test_a_token_of_another_issuer_is_shown_to_no_issuer(
    server: Server, issuer: Issuer, others: Issuer, tmp_path: Path
) -> None:
    lines = by_asking(issuer, tmp_path), by_keys(others)
    for order in itertools.permutations(lines):
        server.lines(*order)
        assert server.log_in(others.token()).user == "jsmith@example.com"
    assert issuer.asked == []


def test_opaque_tokens_go_from_issuer_to_issuer(
    server: Server, issuer: Issuer, others: Issuer, tmp_path: Path
) -> None:
    answer = {"active": True, "aud": "mail", "email_verified": True}
    others.opaque = {"good": {**answer, "email": "jsmith@example.com"}}
    issuer.opaque = {
        "good": {"active": False, "email": "boss@example.com"},
        "mine": {**answer, "email": "ann@example.com"},
    }
    for order in itertools.permutations((by_asking(issuer, tmp_path), by_asking(others, tmp_path))):
        server.lines(*order)
        assert server.log_in("good").user == "jsmith@example.com"
        assert server.log_in("mine", "ann@example.com").user == "ann@example.com"
        with pytest.raises(AuthenticationFailed):
            server.log_in("neither")


def test_an_issuer_that_is_away_does_not_speak_for_another(
    server: Server, issuer: Issuer, others: Issuer, tmp_path: Path
) -> None:
    issuer.fault = "error"
    others.opaque = {
        "good": {
            "active": True,
            "aud": "mail",
            "email": "jsmith@example.com",
            "email_verified": True,
        }
    }
    for order in itertools.permutations((by_asking(issuer, tmp_path), by_asking(others, tmp_path))):
        server.lines(*order)
        assert server.log_in("good").user == "jsmith@example.com"
        # It may be the issuer's that is away.
        with pytest.raises(TemporaryFailure):
            server.log_in("neither")


def test_an_answer_of_another_issuer_names_no_user(
    server: Server, issuer: Issuer, others: Issuer, tmp_path: Path
) -> None:
    issuer.opaque["good"] = {
        "active": True,
        "aud": "mail",
        "iss": others.url,
        "email": "jsmith@example.com",
        "email_verified": True,
    }
    server.lines(by_asking(issuer, tmp_path))
    with pytest.raises(AuthenticationFailed):
        server.log_in("good")


def test_a_line_by_another_claim_lets_no_user_in_by_another_name(
    server: Server, issuer: Issuer
) -> None:
    # The first line has named the user, and refuses for want of a scope.
    server.lines(by_keys(issuer, "scope=admin"), by_keys(issuer, "claim=sub"))
    with pytest.raises(AuthenticationFailed) as raised:
        server.log_in(issuer.token(sub="42"))
    second = raised.value.trace[1]
    assert second.module == "om_oauth"
    assert (second.code, second.reason) == (ReturnCode.AUTH_ERR, ReasonCode.WRONG_USER)
