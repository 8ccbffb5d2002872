"""What a token is for: only access tokens for any bearer let their users in, both ways.

It is long by its tables: what tokens of each kind, and of each usual issuer, look like.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.unit.oauth.issuer import NULL, Issuer
from tests.unit.oauth.serving import Server
from ualauth import Authenticator
from ualauth.testing.folder import ConfigFolder


@pytest.fixture
def server(
    way: Way, folder: ConfigFolder, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> Server:
    """Return a service for tokens of an issuer."""
    return Server(way, folder, issuer, caplog)


# The header


@pytest.mark.parametrize(
    "kind",
    [None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"],
)
def test_a_header_may_say_nothing_or_access_token(
    server: Server, issuer: Issuer, kind: str | None
) -> None:
    token = issuer.token(header={"typ": kind})
    assert server.log_in(token).user == "jsmith@example.com"


@pytest.mark.parametrize(
    "kind",
    [
        "secevent+jwt",
        "application/secevent+jwt",
        "dpop+jwt",
        "logout+jwt",
        "JOSE",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "rt+jwt",
        "client-authentication+jwt",
        "",
        "at+jwt ",
        "at+jwt;x=y",
        "application/application/jwt",
        "text/at+jwt",
        "at+jw\N{LATIN SMALL LETTER LONG S}",
        5,
        True,
        ["JWT"],
        {},
        NULL,
    ],
)
def test_a_header_of_another_kind_is_refused(server: Server, issuer: Issuer, kind: object) -> None:
    """RFC 8725, section 3.11; RFC 9068, section 4."""
    assert server.refusal(issuer.token(header={"typ": kind})) == (
        "its header says that it is no access token (typ)"
    )


@pytest.mark.parametrize(
    "header",
    [
        {"pi.atm": "1"},
        {"nonce": "y"},
        {"ver": "1"},
        {"org": "x"},
        {"iss": "x", "jti": "y"},
        {"x5c": ["A" * 2000]},
        {"ver": {"deep": [1]}},
        {"x5t": "abc", "x5t#S256": "abc", "cty": "x"},
        {"b64": True},
    ],
)
def test_parameters_of_a_header_that_are_not_known_are_ignored(
    server: Server, issuer: Issuer, header: dict[str, Any]
) -> None:
    """RFC 7515, section 4."""
    assert server.log_in(issuer.token(header=header)).user == "jsmith@example.com"


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["ver"], "ver": "1"},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": NULL},
        {"crit": "b64", "b64": False},
        {"crit": ["b64"], "b64": True},
    ],
)
def test_what_must_be_understood_is_refused(
    server: Server, issuer: Issuer, header: dict[str, Any]
) -> None:
    """RFC 7515, section 4.1.11."""
    assert server.refusal(issuer.token(header=header)) == (
        "its header has something that must be understood (crit)"
    )


def test_a_refusal_says_what_was_wrong(server: Server, issuer: Issuer) -> None:
    for kid in (5, ["first"], NULL):
        assert server.refusal(issuer.token(header={"kid": kid})) == "its key id is no text (kid)"
    assert server.refusal(issuer.token(header={"b64": False})) == (
        "it cannot be read (MissingCritHeaderError)"
    )
    header, payload, signature = issuer.token().split(".")
    changed = f"{header}.{payload}.{signature[:-6]}AAAAAA"
    assert server.refusal(changed) == "no key of the issuer has signed it"
    assert server.refusal(issuer.token(header={"kid": "other"})) == (
        "no key of the issuer has signed it"
    )
    assert server.refusal(issuer.token(iss="https://b.example")) == "not of this issuer"


# The claims


OTHERS: dict[str, dict[str, Any]] = {
    "Keycloak's ID token": {"typ": "ID"},
    "Keycloak's refresh token": {"typ": "Refresh"},
    "Keycloak's offline token": {"typ": "Offline"},
    "Keycloak's logout token": {"typ": "Logout"},
    "Keycloak's DPoP token": {"typ": "DPoP"},
    "Keycloak's action token": {"typ": "reset-credentials"},
    "Cognito's ID token": {"token_use": "id"},
    "Hydra's refresh token": {"token_use": "refresh_token"},
    "a refresh token": {"token_type": "refresh_token"},
    "an ID token": {"token_type": "urn:ietf:params:oauth:token-type:id_token"},
    "RFC 8693's no access token": {"token_type": "N_A"},
    "a DPoP token": {"token_type": "DPoP"},
    "a MAC token": {"token_type": "mac"},
    "empty": {"token_use": ""},
    "a number": {"typ": 5},
    "a list": {"token_use": ["access"]},
    "an object": {"token_type": {"Bearer": True}},
    "true": {"token_use": True},
}


@pytest.mark.parametrize("claims", OTHERS.values(), ids=OTHERS.keys())
def test_a_token_of_another_use_is_refused(
    server: Server, tmp_path: Path, claims: dict[str, Any]
) -> None:
    (name,) = claims
    expected = f"its use is another than a bearer's access token ({name})"
    assert server.both(tmp_path / "secret", **claims) == [expected] * 2


MARKED: dict[str, tuple[dict[str, Any], str]] = {
    "security event": (
        {"events": {"https://schemas.openid.net/secevent/risc/event-type/account-disabled": {}}},
        "it tells of events and lets no user in (events)",
    ),
    "logout": (
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        "it tells of events and lets no user in (events)",
    ),
    "events of a wrong type": ({"events": 0}, "it tells of events and lets no user in (events)"),
    "DPoP": ({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, "bound"),
    "certificate": ({"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}, "bound"),
    "a key itself": ({"cnf": {"jwk": {"kty": "EC"}}}, "bound"),
    "a key of no kind": ({"cnf": {}}, "bound"),
    "cnf of a wrong type": ({"cnf": "x"}, "bound"),
    "ID token of the code flow": ({"at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"}, "ID"),
    "ID token of the hybrid flow": ({"c_hash": "LDktKdoQak3Pk0cnXxCltA"}, "ID"),
    "ID token of FAPI": ({"s_hash": "LDktKdoQak3Pk0cnXxCltA", "nonce": "n"}, "ID"),
}
WORDS = {
    "bound": "it is bound to a key (cnf); a bearer has none to show",
    "ID": "it is an ID token and no access token ({})",
}


@pytest.mark.parametrize(("claims", "why"), MARKED.values(), ids=MARKED.keys())
def test_a_token_with_the_marks_of_another_kind_is_refused(
    server: Server, tmp_path: Path, claims: dict[str, Any], why: str
) -> None:
    expected = WORDS.get(why, why).format(next(iter(claims)))
    assert [each.replace(";", "") for each in server.both(tmp_path / "secret", **claims)] == [
        expected.partition(";")[0]
    ] * 2


ISSUERS: dict[str, dict[str, Any]] = {
    "Keycloak": {
        "typ": "Bearer",
        "azp": "thunderbird",
        "sid": "6b1f",
        "acr": "1",
        "nonce": "n",
        "allowed-origins": ["/*"],
        "realm_access": {"roles": ["offline_access"]},
        "preferred_username": "jsmith",
        "jti": "onrtac:1",
    },
    "Entra ID 2.0": {
        "azp": "9199bf20-a13f-4107-85dc-02114787ef48",
        "azpacr": "0",
        "scp": "IMAP.AccessAsUser.All",
        "ver": "2.0",
        "tid": "72f988bf",
        "oid": "690222be",
        "uti": "x",
        "rh": "y",
        "iat": 1,
        "nbf": 1,
    },
    "Entra ID 1.0": {"appid": "9199bf20", "appidacr": "0", "upn": "jsmith@example.com"},
    "Okta": {"ver": 1, "cid": "0oa", "uid": "00u", "scp": ["mail"], "auth_time": 1},
    "Auth0": {"azp": "client", "aud": ["mail", "https://x/userinfo"], "gty": "password"},
    "Cognito": {"token_use": "access", "client_id": "c", "version": 2, "username": "j"},
    "oidc-provider": {"client_id": "app", "jti": "x", "sub": "jsmith"},
    "Hydra": {"client_id": "app", "ext": {}, "scp": ["openid"], "token_use": "access_token"},
    "Zitadel": {"aud": ["mail", "1", "2"], "client_id": "1", "jti": "V2_1-at_2"},
    "authentik": {"azp": "mail", "uid": "x", "auth_time": 1, "acr": "goauthentik.io"},
    "RFC 9068": {"client_id": "s6BhdRkqt3", "jti": "dbe39bf3a3ba4238a513f51d6e1691c4", "sub": "5"},
    "RFC 8693": {"token_type": "urn:ietf:params:oauth:token-type:access_token"},
    "simplejwt": {"token_type": "access"},
    "bearer": {"token_type": "bearer"},
}


@pytest.mark.parametrize("claims", ISSUERS.values(), ids=ISSUERS.keys())
def test_access_tokens_of_usual_issuers_are_taken(
    server: Server, issuer: Issuer, tmp_path: Path, claims: dict[str, Any]
) -> None:
    assert server.log_in(issuer.token(**claims)).user == "jsmith@example.com"
    server.introspection(tmp_path / "secret")
    known = {"active": True, "aud": "mail", "email": "jsmith@example.com", "email_verified": True}
    issuer.opaque["opaque"] = known | claims | {"exp": None, "cnf": None, "scope": None}
    assert server.log_in("opaque").user == "jsmith@example.com"


ID_TOKENS: dict[str, dict[str, Any]] = {
    "Dex, which has no others": {"at_hash": "x", "nonce": "n"},
    "Keycloak": {"typ": "ID", "azp": "mail", "at_hash": "x"},
    "Cognito": {"token_use": "id", "at_hash": "x"},
    "by its type": {"token_type": "id_token"},
}


@pytest.mark.parametrize("claims", ID_TOKENS.values(), ids=ID_TOKENS.keys())
def test_id_tokens_are_taken_only_where_the_line_says_so(
    server: Server, issuer: Issuer, claims: dict[str, Any]
) -> None:
    token = issuer.token(**claims)
    server.refusal(token)
    server.options("accept_id_tokens")
    assert server.log_in(token).user == "jsmith@example.com"
    assert server.log_in(issuer.token()).user == "jsmith@example.com"
    others: tuple[dict[str, Any], ...] = (
        {"typ": "Refresh"},
        {"cnf": {}},
        {"events": {}},
        {"token_use": "refresh"},
    )
    for other in others:
        server.refusal(issuer.token(**{**claims, **other}))


def test_an_answer_says_what_it_is_about_where_no_audience_does(
    server: Server, issuer: Issuer, tmp_path: Path
) -> None:
    """The answers of oidc-provider 8.8 about a refresh token, and about an access token."""
    server.introspection(tmp_path / "secret", "claim=sub", audience="any_audience")
    refresh = {
        "active": True,
        "sub": "jsmith",
        "client_id": "mailer",
        "exp": 4102444800,
        "iss": issuer.url,
        "scope": "openid email offline_access mail",
    }
    issuer.opaque = {"refresh": refresh, "access": refresh | {"token_type": "Bearer"}}
    assert server.refusal("refresh", "jsmith") == (
        "the issuer does not say that it is an access token (token_type)"
    )
    assert server.log_in("access", "jsmith").user == "jsmith"


# For whom it was issued


def test_tokens_of_named_clients_only(server: Server, issuer: Issuer, tmp_path: Path) -> None:
    server.options("clients=thunderbird,web")
    good: tuple[dict[str, Any], ...] = (
        {"azp": "thunderbird"},
        {"client_id": "web"},
        {"cid": "web"},
        {"appid": "thunderbird"},
        {"azp": "web", "client_id": "web"},
    )
    bad: tuple[dict[str, Any], ...] = (
        {},
        {"azp": "evil"},
        {"azp": "Web"},
        {"azp": "thunderbird,web"},
        {"azp": ""},
        {"azp": "web", "client_id": "evil"},
        {"azp": "evil", "cid": "web"},
        {"azp": ["web"]},
        {"azp": "web", "client_id": NULL},
        {"aud": ["mail", "web"]},
    )
    for claims in good:
        assert server.log_in(issuer.token(**claims)).user == "jsmith@example.com"
    for claims in bad:
        assert "client" in server.refusal(issuer.token(**claims)), claims
    server.introspection(tmp_path / "secret", "clients=thunderbird,web")
    known = {"active": True, "aud": "mail", "email": "jsmith@example.com", "email_verified": True}
    issuer.opaque = {
        "good": known | {"client_id": "web"},
        "not-ours": known | {"client_id": "evil"},
    }
    assert server.log_in("good").user == "jsmith@example.com"
    assert "client" in server.refusal("not-ours")


# Types


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": ["{url}"]}, {"iss": 5}, {"aud": {"mail": 1}}, {"aud": ["mail", 5]}, {"aud": 5},
        {"exp": "4102444800"}, {"exp": True}, {"exp": NULL}, {"exp": [4102444800]},
        {"nbf": "0"}, {"nbf": False}, {"nbf": NULL}, {"iat": "0"}, {"iat": {}},
        {"sub": 42}, {"jti": 42}, {"azp": 5}, {"client_id": ["mail"]}, {"cid": {}},
        {"scope": 7}, {"scope": ["mail", 7]}, {"scope": {"mail": 1}}, {"scope": NULL},
        {"scp": 7}, {"scp": [["mail"]]},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_of_a_wrong_type_is_refused(
    server: Server, issuer: Issuer, claims: dict[str, Any]
) -> None:
    if claims == {"iss": ["{url}"]}:
        claims = {"iss": [issuer.url]}
    assert server.refusal(issuer.token(**claims))


def test_scopes_of_either_claim(server: Server, issuer: Issuer) -> None:
    server.options("scope=mail")
    for claims in ({"scope": "", "scp": ["mail"]}, {"scope": None, "scp": "a mail"}):
        assert server.log_in(issuer.token(**claims)).user == "jsmith@example.com"
    assert server.refusal(issuer.token(scope="a", scp=["mail"])) == (
        "it has not the scope that is needed"
    )


# Options


def test_options_that_make_no_sense(folder: ConfigFolder) -> None:
    from ualauth.errors import ServiceFileError

    for options, text in (
        ("claim=sub assume_email_verified", "'assume_email_verified' is for claim=email"),
        ("clients=a,,b", "'clients'"),
    ):
        folder.service(
            "imap", f"auth required om_oauth issuer=https://i audience=a keys=/k {options}\n"
        )
        with Authenticator(folder.config()) as auth:
            problems: Sequence[object]
            try:
                problems = auth.load("imap").problems
            except ServiceFileError as error:
                problems = error.problems
            assert text in str(problems[0])
