"""What a refusal says: what was wanted, what came, and where the cure is."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import Way
from tests.unit.oauth.issuer import NULL, Issuer
from tests.unit.oauth.serving import Server, said
from ualauth import AuthenticationFailed
from ualauth.cli.application import application
from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.key_set import keys_of
from ualauth.testing.folder import ConfigFolder


@pytest.fixture
def server(
    way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> Server:
    """Return a service for tokens."""
    return Server(way, folder, issuer, caplog)


WORDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "another audience": (
        "",
        {"aud": "account"},
        'for another service (aud); wanted "mail", came "account": have the issuer write that',
    ),
    "several audiences": ("", {"aud": ["a", "b"]}, 'wanted "mail", came "a" and "b"'),
    "no audience": ("", {"aud": None}, 'does not say for whom it is (aud); wanted "mail"'),
    "audience of a wrong type": ("", {"aud": ["mail", 5]}, 'no text (aud); came "mail" and 5'),
    "expired": ("", {"exp": timedelta(hours=-1)}, "it expired 36"),
    "no expiry": ("", {"exp": None}, "it does not say when it expires (exp)"),
    "null": ("", {"exp": NULL}, "it does not say when it expires (exp)"),
    "expiry of a wrong type": ("", {"exp": "soon"}, 'time is no number (exp); came "soon"'),
    "expiry that is no date": ("", {"exp": -(10**30)}, "time is no number (exp); came -1000"),
    "not yet": ("", {"nbf": timedelta(hours=1)}, "seconds only (nbf); look at the clocks"),
    "from the future": ("", {"iat": timedelta(hours=1)}, "seconds only (iat); look at the clocks"),
    "another issuer": ("", {"iss": "https://b.example"}, 'came "https://b.example" (iss)'),
    "no issuer": ("", {"iss": None}, "and it names none (iss)"),
    "subject of a wrong type": ("", {"sub": 42}, "its claim 'sub' is no text; came 42"),
    "another client": (
        "clients=web,app",
        {"azp": "evil"},
        'wanted "app" or "web" (the option clients), came "evil"',
    ),
    "no client": ("clients=web", {}, 'issued (azp); wanted "web" (the option clients)'),
    "a scope too few": (
        "scope=mail,imap",
        {"scope": "mail x"},
        'wanted "imap" and "mail", came "mail" and "x", so "imap" is missing',
    ),
    "no scope": ("scope=mail", {"scope": None}, 'wanted "mail", came nothing, so "mail"'),
    "not verified": ("", {"email_verified": False}, "(email_verified); came false"),
    "another use": ("", {"typ": "Refresh"}, 'access token (typ); came "Refresh"'),
    "no name": ("claim=upn", {}, "it has no claim 'upn' that is a name; it has \"aud\" and"),
    "a value with lines": ("", {"aud": "a\nb\x1b[31m"}, r'came "a\nb\u001b[31m"'),
    "a long value": ("", {"aud": "x" * 5000}, "xxx..."),
}


@pytest.mark.parametrize(("option", "claims", "text"), WORDS.values(), ids=WORDS.keys())
def test_what_was_wanted_and_what_came(
    server: Server,
    issuer: Issuer,
    caplog: pytest.LogCaptureFixture,
    option: str,
    claims: dict[str, Any],
    text: str,
) -> None:
    server.options(*option.split())
    server.refusal(issuer.token(**claims))
    assert text in said(caplog)
    assert len(max(caplog.text.splitlines(), key=len)) < 1500


def test_a_type_in_the_header_is_shown(
    server: Server, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refusal(issuer.token(header={"typ": "dpop+jwt"}))
    assert 'no access token (typ); wanted JWT or at+jwt, came "dpop+jwt"' in said(caplog)
    server.refusal(issuer.token(header={"typ": 5}))
    assert "wanted JWT or at+jwt, came 5" in said(caplog)


def test_the_configuration_of_an_issuer_is_no_set_of_keys_and_says_where_they_are(
    tmp_path: Path,
) -> None:
    document = {"issuer": "https://a.example", "jwks_uri": "https://a.example/keys"}
    with pytest.raises(Unavailable, match=r"its keys are at https://a\.example/keys$"):
        keys_of(document)
    strange: object
    for strange in ({"jwks_uri": 5}, {"jwks_uri": None}, {}, [], 5):
        with pytest.raises(Unavailable, match=r"this is no set of keys$"):
            keys_of(strange)


def test_check_names_the_keys_of_a_configuration(folder: ConfigFolder) -> None:
    place = folder.path / "keys.json"
    place.write_text(json.dumps({"jwks_uri": "https://a.example/keys"}))
    folder.service("imap", "auth required om_oauth issuer=https://a audience=mail keys=keys.json\n")
    result = CliRunner().invoke(
        application, ["--config-dir", str(folder.path), "check", "imap"], prog_name="ualauth"
    )
    assert result.exit_code != 0
    assert "its keys are at https://a.example/keys" in " ".join(result.output.split())


# Several lines of one issuer


@pytest.mark.parametrize("turned", [False, True])
def test_a_line_names_no_user_by_tokens_for_another_audience_or_client(
    server: Server, issuer: Issuer, folder: ConfigFolder, turned: bool
) -> None:
    place = folder.path / "keys.json"
    common = f"issuer={issuer.url} keys={place}"
    lines = [
        f"{common} audience=staff claim=sub",
        f"{common} audience=mail clients=web claim=upn",
        f"{common} audience=mail clients=app",
    ]
    server.lines(*(reversed(lines) if turned else lines))
    names: dict[str, Any] = {"sub": "42", "upn": "js"}
    assert server.log_in(issuer.token(aud="staff", azp="web", **names), "42").user == "42"
    assert server.log_in(issuer.token(azp="web", **names), "js").user == "js"
    address = "jsmith@example.com"
    assert server.log_in(issuer.token(azp="app", **names), address).user == address
    for user in ("42", "js", address):
        for wrong in ({"azp": "evil"}, {"aud": "web", "azp": "app"}):
            with pytest.raises(AuthenticationFailed):
                server.log_in(issuer.token(**{**names, **wrong}), user)
