"""Whose token it is: addresses that the issuer calls verified, and claims as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import NULL, Issuer
from tests.unit.oauth.serving import Server
from ualauth import AuthenticationFailed
from ualauth.testing.folder import ConfigFolder


@pytest.fixture
def server(
    way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> Server:
    """Return a service for tokens of an issuer."""
    return Server(way, folder, issuer, caplog)


UNVERIFIED: tuple[object, ...] = (
    None,
    NULL,
    False,
    "false",
    "",
    "True",
    "TRUE",
    " true",
    "yes",
    1,
    1.0,
    0,
    [True],
    {},
)


@pytest.mark.parametrize("value", UNVERIFIED, ids=repr)
def test_an_address_that_the_issuer_does_not_call_verified_is_none(
    server: Server, issuer: Issuer, tmp_path: Path, value: object
) -> None:
    """OpenID Connect Core, section 5.1."""
    assert "email_verified" in server.refusal(issuer.token(email_verified=value))
    server.introspection(tmp_path / "secret")
    answer = {"active": True, "aud": "mail", "email": "jsmith@example.com"}
    if value is not None:
        answer["email_verified"] = None if value is NULL else value
    issuer.opaque["opaque"] = answer
    assert "email_verified" in server.refusal("opaque")


@pytest.mark.parametrize("value", UNVERIFIED, ids=repr)
def test_the_option_is_for_what_an_issuer_does_not_say(
    server: Server, issuer: Issuer, value: object
) -> None:
    server.options("assume_email_verified")
    token = issuer.token(email_verified=value)
    if value is None:
        assert server.log_in(token).user == "jsmith@example.com"
    else:
        assert "email_verified" in server.refusal(token)


def test_true_may_be_written_as_text(server: Server, issuer: Issuer) -> None:
    """As Apple's and Cognito's issuers do."""
    assert server.log_in(issuer.token(email_verified="true")).user == "jsmith@example.com"


def test_other_claims_need_no_verified_address(server: Server, issuer: Issuer) -> None:
    server.options("claim=sub")
    token = issuer.token(sub="JSmith", email_verified=None)
    assert server.log_in(token, "JSmith").user == "JSmith"


@pytest.mark.parametrize(
    "address",
    ["boss", "@example.com", "boss@", "@", "", "a@b\0@example.com", "x" * 2000 + "@example.com",
     5, ["jsmith@example.com"], {"value": "jsmith@example.com"}, NULL, True, "\ud800@example.com",
     "\uff42oss@example.com", "boss@ban\N{KELVIN SIGN}.example", "e\u0301@example.com",
     "jsmith@example.com\n", " jsmith@example.com"],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_address_names_no_user(server: Server, issuer: Issuer, address: object) -> None:
    for user in ("jsmith@example.com", "boss", "bosk@example.com"):
        with pytest.raises(AuthenticationFailed):
            server.log_in(issuer.token(email=address), user)


@pytest.mark.parametrize("claimed", ["JSmith@Example.COM", "jsmith@example.com"])
@pytest.mark.parametrize(
    "typed", ["JSmith@Example.COM", "jsmith@example.com", "JSMITH@EXAMPLE.COM"]
)
def test_an_address_is_one_user_in_whatever_case(
    server: Server, issuer: Issuer, claimed: str, typed: str
) -> None:
    identity = server.log_in(issuer.token(email=claimed), typed)
    assert (identity.user, identity.authid, identity.actor) == ("jsmith@example.com",) * 2 + (None,)


@pytest.mark.parametrize(
    ("claimed", "typed"),
    [
        ("strasse@example.com", "stra\u00dfe@example.com"),
        ("j@b\u00e4r.example", "j@B\u00c4R.example"),
    ],
)
def test_no_more_than_ascii_is_folded(
    server: Server, issuer: Issuer, claimed: str, typed: str
) -> None:
    assert server.log_in(issuer.token(email=claimed), claimed).user == claimed
    with pytest.raises(AuthenticationFailed):
        server.log_in(issuer.token(email=claimed), typed)


def test_another_claim_is_compared_as_it_is(server: Server, issuer: Issuer) -> None:
    server.options("claim=preferred_username")
    token = issuer.token(preferred_username="JSmith")
    assert server.log_in(token, "JSmith").user == "JSmith"
    with pytest.raises(AuthenticationFailed):
        server.log_in(token, "jsmith")
