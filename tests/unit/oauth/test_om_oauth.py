"""om_oauth: tokens by OAUTHBEARER and XOAUTH2, judged by keys or by their issuer."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, KeySet

from tests.changes import in_use
from tests.conftest import Way
from tests.machine import patience
from tests.unit.oauth.issuer import CLIENT, Issuer, other_keys, secret_key
from ualauth import AccountRestricted, AuthenticationError, AuthenticationFailed, TemporaryFailure
from ualauth.errors import ServiceFileError
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

MECHANISMS = ("OAUTHBEARER", "XOAUTH2")


@pytest.fixture
def people(folder: ConfigFolder) -> Iterator[Userlist]:
    """Return a USERLIST."""
    folder.settings('[stack]\nfail_delay = false\n[authorization]\nrules = ["boss: *"]\n')
    userlist = Userlist.create(folder.path)
    for name in ("jsmith", "boss"):
        userlist.add(name, addresses=(f"{name}@example.com",))
    userlist.add("locked", addresses=("locked@example.com",), locked=True)
    yield userlist
    userlist.close()


def service(folder: ConfigFolder, issuer: Issuer, *options: str) -> None:
    line = " ".join(
        (f"issuer={issuer.url}", *(options or ("audience=mail", f"keys={issuer.url}/keys")))
    )
    folder.service(
        "imap",
        f"auth sufficient om_oauth {line}\nauth required om_auth\naccount required om_auth\n",
    )


def log_in(way: Way, auth: Any, token: str, mechanism: str = "OAUTHBEARER", user: str = "") -> Any:
    """Return the identity; whatever is refused is told first, and answered."""
    exchange = auth.sasl("imap", mechanism, tls=True)
    wanted = f"a={user}" if user else ""
    message = {
        "OAUTHBEARER": f"n,{wanted},\1host=h\1port=143\1auth=Bearer {token}\1\1",
        "XOAUTH2": f"user={user or 'jsmith@example.com'}\1auth=Bearer {token}\1\1",
    }[mechanism]
    challenge = way.run(exchange.step(message.encode()))
    if challenge is not None:
        told = json.loads(challenge)
        assert told["status"] == {"OAUTHBEARER": "invalid_token", "XOAUTH2": "401"}[mechanism]
        way.run(exchange.step(b"\1" if mechanism == "OAUTHBEARER" else b""))
        raise AssertionError("a client that was refused went on")
    return exchange.identity


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_good_token_lets_its_owner_in(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer, mechanism: str
) -> None:
    service(folder, issuer)
    auth = way.authenticator(folder.config())
    assert set(MECHANISMS) <= set(way.run(auth.mechanisms("imap", tls=True)))
    assert not set(MECHANISMS) & set(way.run(auth.mechanisms("imap", tls=False)))
    for _ in range(3):
        assert log_in(way, auth, issuer.token(), mechanism).user == "jsmith"
    assert issuer.asked == ["/keys"]
    with pytest.raises(AccountRestricted):
        log_in(way, auth, issuer.token(email="locked@example.com"), mechanism, "locked")
    with pytest.raises(AuthenticationError):
        log_in(way, auth, issuer.token(email="stranger@example.com"), mechanism, "stranger")


def test_whose_token_it_is_counts_and_not_what_is_said_beside(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer
) -> None:
    service(folder, issuer)
    auth = way.authenticator(folder.config())
    for mechanism in MECHANISMS:
        assert log_in(way, auth, issuer.token(), mechanism, "jsmith").actor is None
        with pytest.raises(AuthenticationFailed):
            log_in(way, auth, issuer.token(), mechanism, "boss")
        acted = log_in(way, auth, issuer.token(email="boss@example.com"), mechanism, "jsmith")
        assert (acted.user, acted.actor.authid) == ("jsmith", "boss")


BAD: dict[str, dict[str, Any]] = {
    "expired": {"exp": timedelta(seconds=-1000)},
    "without expiry": {"exp": None},
    "not yet valid": {"nbf": timedelta(seconds=1000)},
    "another issuer": {"iss": "https://elsewhere.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "web"},
    "other audiences": {"aud": ["web", "api"]},
    "no audience": {"aud": None},
    "no name": {"email": None},
    "a name that is no text": {"email": ["jsmith@example.com"]},
    "an address that was not verified": {"email_verified": False},
    "an address that was not verified, as text": {"email_verified": "false"},
    "expiry that is no number": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("claims", BAD.values(), ids=BAD.keys())
def test_a_bad_claim_refuses(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer, claims: dict[str, Any]
) -> None:
    service(folder, issuer)
    auth = way.authenticator(folder.config())
    with pytest.raises(AuthenticationFailed):
        log_in(way, auth, issuer.token(**claims), user="jsmith@example.com")
    assert (
        log_in(way, auth, issuer.token(aud=["web", "mail"], nbf=timedelta(seconds=-10))).user
        == "jsmith"
    )


def test_only_allowed_algorithms_and_the_issuers_keys_are_trusted(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer
) -> None:
    service(folder, issuer)
    keys = other_keys()
    issuer.keys += keys.values()
    auth = way.authenticator(folder.config())
    for algorithm, key in keys.items():
        assert log_in(way, auth, issuer.token(key, algorithm)).user == "jsmith"
    stranger = ECKey.generate_key("P-256", {"kid": "first"})
    unnamed = ECKey.generate_key("P-256")
    good = issuer.token()
    header, payload, signature = good.split(".")
    none = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    public = json.dumps(issuer.keys[0].as_dict(private=False)).encode()
    bad = {
        "another's key": issuer.token(stranger),
        "a key that no issuer has": issuer.token(unnamed),
        "no signature": f"{header}.{payload}.",
        "alg none": f"{none}.{payload}.",
        "changed": f"{header}.{payload[:-4]}AAAA.{signature}",
        "not allowed": issuer.token(ECKey.generate_key("P-384", {"kid": "first"}), "ES384"),
        "public key as shared secret": issuer.token(secret_key(public), "HS256"),
        "no token": "abc",
        "dots": "..",
        "four parts": good + ".x",
        "header is no object": f"W10.{payload}.{signature}",
    }
    for what, token in bad.items():
        with pytest.raises(AuthenticationFailed):
            pytest.fail(f"{what}: {log_in(way, auth, token, user='jsmith')}")


def is_unavailable(way: Way, auth: Any, token: str) -> bool:
    """Return whether a token could not be checked."""
    try:
        log_in(way, auth, token)
    except TemporaryFailure:
        return True
    return False


def test_a_key_without_a_name_is_tried(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer, tmp_path: Path
) -> None:
    keys = [ECKey.generate_key("P-256") for _ in range(2)]
    place = tmp_path / "keys.json"
    place.write_text(json.dumps({"keys": [each.as_dict(private=False) for each in keys]}))
    service(folder, issuer, "audience=mail", f"keys={place}")
    auth = way.authenticator(folder.config())
    for key in keys:
        assert log_in(way, auth, issuer.token(key)).user == "jsmith"
    # A file is read again when it has changed.
    place.write_text(json.dumps(KeySet([issuer.keys[0]]).as_dict(private=False)))

    def is_refused() -> bool:
        try:
            log_in(way, auth, issuer.token(keys[0]))
        except AuthenticationFailed:
            return True
        return False

    assert in_use(is_refused)
    assert log_in(way, auth, issuer.token()).user == "jsmith"
    place.unlink()
    # An editor that renames it first leaves it away for a moment.
    assert log_in(way, auth, issuer.token()).user == "jsmith"
    assert in_use(lambda: is_unavailable(way, auth, issuer.token()))


def test_scopes_that_are_needed(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer
) -> None:
    service(folder, issuer, "audience=mail", f"keys={issuer.url}/keys", "scope=mail,imap")
    auth = way.authenticator(folder.config())
    scope: object
    for scope in ("mail imap", "imap x mail", ["imap", "mail"]):
        assert log_in(way, auth, issuer.token(scope=scope)).user == "jsmith"
    for scope in ("mail", "", "mailimap", None, 7):
        with pytest.raises(AuthenticationFailed):
            log_in(way, auth, issuer.token(scope=scope))


FAULTS = ("hang", "drip", "garbage", "list", "huge", "error", "elsewhere")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_issuer_that_cannot_be_asked_is_temporary(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer, tmp_path: Path, fault: str
) -> None:
    issuer.fault = fault
    service(folder, issuer, "audience=mail", f"keys={issuer.url}/keys", "timeout=0.5")
    auth = way.authenticator(folder.config())
    began = time.monotonic()
    with pytest.raises(TemporaryFailure):
        log_in(way, auth, issuer.token())
    (tmp_path / "secret").write_text(CLIENT[1] + "\n")
    opaque(folder, issuer, tmp_path, "timeout=0.5")
    with pytest.raises(TemporaryFailure):
        log_in(way, way.authenticator(folder.config()), "opaque", user="jsmith")
    assert time.monotonic() - began < patience(8)


def opaque(folder: ConfigFolder, issuer: Issuer, tmp_path: Path, *more: str) -> None:
    (tmp_path / "secret").write_text(CLIENT[1] + "\n")
    service(
        folder,
        issuer,
        "audience=mail",
        f"introspection={issuer.url}/introspect",
        f"client_id={CLIENT[0]}",
        f"client_secret_file={tmp_path / 'secret'}",
        *more,
    )


def test_tokens_that_only_the_issuer_knows(
    way: Way, folder: ConfigFolder, people: Userlist, issuer: Issuer, tmp_path: Path
) -> None:
    opaque(folder, issuer, tmp_path)
    auth = way.authenticator(folder.config())
    address = {"email": "jsmith@example.com", "email_verified": True}
    good = {"active": True, **address, "aud": "mail"}
    issuer.opaque = {
        "good": good,
        "inactive": {**good, "active": False},
        "text": {**good, "active": "true"},
        "expired": {**good, "exp": int(time.time()) - 1000},
        "another": {**good, "aud": "web"},
        "for-all": {"active": True, **address},
        "foreign": {**good, "iss": "https://elsewhere.example"},
        "nameless": {"active": True, "aud": "mail"},
    }
    assert log_in(way, auth, "good").user == "jsmith"
    assert issuer.asked == ["/introspect"]
    for token in ("inactive", "text", "expired", "another", "for-all", "foreign", "nameless", "x"):
        with pytest.raises(AuthenticationFailed):
            log_in(way, auth, token, user="jsmith")
    (tmp_path / "secret").write_text("wrong")
    assert in_use(lambda: is_unavailable(way, auth, "good"))


WRONG = {
    "keys=/k audience=a introspection=https://i/x": "give one of 'keys' and 'introspection'",
    "audience=a": "give one of 'keys' and 'introspection'",
    "keys=/k": "give one of 'audience' and 'any_audience'",
    "keys=/k audience=a any_audience": "give one of 'audience' and 'any_audience'",
    "keys=http://keys.example/k audience=a": "must begin with https://",
    "keys=https://a:b@keys.example/k audience=a": "without a name or password",
    "introspection=/file audience=a": "'introspection' must be a URL",
    "introspection=ftp://i/x audience=a": "must be like https://host/path",
    "keys=/k audience=a client_id=x": "'client_id' and 'client_secret_file' go together",
    "keys=/k audience=a algorithms=HS256": "no signature with a public key",
    "keys=/k audience=a algorithms=none": "no signature with a public key",
    "keys=/k audience=a leeway=9000": "'leeway' must be from 0 to 600",
    "keys=/k audience=a timeout=0": "'timeout' more than 0",
}


@pytest.mark.parametrize(("options", "text"), WRONG.items(), ids=range(len(WRONG)))
def test_options_that_make_no_sense_are_named(
    folder: ConfigFolder, options: str, text: str
) -> None:
    from ualauth import Authenticator

    folder.service("imap", f"auth required om_oauth issuer=https://i {options}\n")
    with Authenticator(folder.config()) as auth:
        problems: Sequence[object]
        try:
            problems = auth.load("imap").problems
        except ServiceFileError as error:
            problems = error.problems
        assert text in str(problems[0])


def test_no_token_is_ever_shown(
    way: Way,
    folder: ConfigFolder,
    people: Userlist,
    issuer: Issuer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    service(folder, issuer)
    auth = way.authenticator(folder.config())
    tokens = [issuer.token(), issuer.token(aud="x"), "aaa.bbb.ccc"]
    for token in tokens:
        exchange = auth.sasl("imap", "OAUTHBEARER", tls=True)
        try:
            way.run(exchange.step(f"n,a=jsmith,\1auth=Bearer {token}\1\1".encode()))
        except AuthenticationError as error:
            caplog.text + repr(error)
        assert token not in caplog.text + repr(exchange) + repr(vars(exchange))
