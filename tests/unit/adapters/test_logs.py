"""No secret gets into a log, at any level, whatever a client does with it."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playground import Playground

from tests.unit.adapters.aiosmtpd.serving import AiosmtpdServers
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, SIDES, Side
from tests.unit.adapters.heard import Heard, hearing, hearing_locals
from tests.unit.adapters.serving import PymapServers, TwistedServers, TwistedThread
from tests.unit.adapters.talk import Talk
from tests.unit.adapters.test_replies import SUCCESS
from tests.unit.sasl.clients import Client, cram_md5, login, plain, scram
from ualauth.runtime import login as login_of_runtime

WRONG = "Xyzzy+Secret"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
CLIENTS = {"PLAIN": plain, "LOGIN": login, "CRAM-MD5": cram_md5}
# Words of the protocols that could be base64.
KNOWN = {"AUTHENTICATE", "STARTTLS", "AUTH", *MECHANISMS}


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Hear what is logged."""
    with hearing() as log:
        yield log


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def messages(talk: Talk) -> set[str]:
    """Return the base64 that was sent and came, and what it stands for."""
    texts = set()
    for line in (*(each.decode(errors="replace") for each in talk.sent), *talk.came):
        for word in line.split():
            if len(word) < 8 or word in KNOWN:
                continue
            try:
                text = b64decode(word, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue
            texts |= {word, text}
    return texts - {"jsmith"}


def in_log(heard: Heard, secrets: set[str]) -> set[str]:
    """Return what got there, in any case of letters."""
    log = heard.text.casefold()
    return {each for each in secrets if each.casefold() in log}


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_no_message_of_a_mechanism_is_logged(
    side: Side, certificates: Certificates, heard: Heard, password: str
) -> None:
    secrets = {password}
    for mechanism in MECHANISMS:
        with side.connect(certificates.client_context()) as talk:
            if mechanism in CLIENTS:
                client = CLIENTS[mechanism]("jsmith", password)
            else:
                client = scram(mechanism, "jsmith", password)
            reply = talk.log_in(mechanism, client)
            assert reply.startswith(SUCCESS[side.protocol]) == (password == PASSWORD)
            secrets |= messages(talk)
    with side.connect(certificates.client_context()) as talk:
        talk.password("jsmith", password)
    assert len(secrets) > 12
    assert "ualauth.audit" in heard.text
    # The prompt of LOGIN is no secret, and the end of a reason (`wrong_password:`) is like it.
    assert not in_log(heard, secrets - {"Password:"})


def test_no_password_is_logged_that_is_sent_where_it_should_not_be(
    side: Side, certificates: Certificates, heard: Heard
) -> None:
    initial = encoded(f"\0jsmith\0{WRONG}")
    lines = [
        # After AUTH was refused.
        *("AUTH PLAIN", initial),
        *("AUTH LOGIN", encoded("jsmith"), encoded(WRONG)),
        *("a AUTHENTICATE LOGIN", encoded("jsmith"), encoded(WRONG)),
        *(f"AUTH GUESSED {initial}", encoded(WRONG), WRONG, f"{WRONG} {initial}"),
        # As arguments that are not expected.
        *(f"AUTH {initial}", f"AUTH {initial} PLAIN", f"AUTH PLAIN {initial} {initial}"),
        *(f"AUTH\tPLAIN\t{initial}", f"AUTH  PLAIN  {initial}", f" AUTH PLAIN {initial}"),
        *(f"AUTHENTICATE PLAIN {initial}", f"a AUTHENTICATE PLAIN {initial} {initial}"),
        *(f"LOGIN jsmith {WRONG}", f"a LOGIN jsmith {WRONG} {WRONG}", f"a LOGIN jsmith {WRONG}"),
        *(f"USER jsmith {WRONG}", f"PASS {WRONG}", f"APOP jsmith {WRONG}", f"a {WRONG}"),
        *(f'a LOGIN "jsmith" "{WRONG}', f"a LOGIN {{{WRONG}}}", f"{WRONG} LOGIN a b"),
        *(f"NOOP {WRONG}", f"RSET {WRONG}", f"STARTTLS {WRONG}", f"HELP {WRONG}", f"QUIT {WRONG}"),
        *(f"CAPA {WRONG}", f"STLS {WRONG}", f"a NOOP {WRONG}", f"a CAPABILITY {WRONG}"),
    ]
    for line in lines:
        for context in (None, certificates.client_context()):
            with side.connect(context) as talk:
                talk.send(line)
                talk.read()
                # A client that is asked for more sends it, and so do others; some are hung up on.
                with suppress(OSError):
                    for more in (encoded(WRONG), f"\xff{WRONG}".encode("latin-1"), "NOOP"):
                        talk.send(more)
                        talk.read()
    secrets = {WRONG, initial, encoded(WRONG), initial.rstrip("="), encoded(WRONG).rstrip("=")}
    assert not in_log(heard, secrets)


def test_a_bug_is_logged_without_what_calls_hold(
    side: Side, certificates: Certificates, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(handle: object, *, anonymous: bool = False) -> None:
        raise AssertionError(handle is None, anonymous)

    monkeypatch.setattr(login_of_runtime, "identity_of", broken)
    with hearing_locals() as shown, side.connect(certificates.client_context()) as talk:
        reply = talk.log_in("PLAIN", plain("jsmith", PASSWORD))
        assert not reply.startswith(SUCCESS[side.protocol])
        talk.password("jsmith", PASSWORD)
        secrets = {PASSWORD} | messages(talk)
    assert shown.tracebacks >= 2
    assert shown.text
    assert not {each for each in secrets if each in shown.text}, shown.text
    assert not in_log(heard, {PASSWORD})


def test_no_password_is_logged_that_is_sent_once_more(
    side: Side, certificates: Certificates, heard: Heard
) -> None:
    initial = encoded(f"\0jsmith\0{PASSWORD}")
    lines = (initial, PASSWORD, f"a {initial}", f"a {PASSWORD}", f"{initial} {initial}", "\xff")
    with side.connect(certificates.client_context()) as talk:
        assert talk.begin_login("PLAIN", initial).startswith(SUCCESS[side.protocol])
        for line in lines:
            talk.send(line)
            talk.read()
    assert not in_log(heard, {PASSWORD, initial, initial.rstrip("=")})
    assert "Traceback" not in heard.text


def test_no_token_is_logged(
    tmp_path: Path, certificates: Certificates, reactor_thread: TwistedThread, heard: Heard
) -> None:
    playground = Playground.make(tmp_path / "etc")
    all_servers = (
        TwistedServers(reactor_thread, playground.folder, certificates),
        PymapServers(playground.folder, certificates),
        AiosmtpdServers(playground.folder, certificates),
    )
    servers = {type(each).__name__.removesuffix("Servers").lower(): each for each in all_servers}
    secrets: set[str] = set()
    for name, kind in SIDES.items():
        side = Side(name, kind, servers[name.split("-", maxsplit=1)[0]])
        for token in (playground.token, playground.bad_token, "not.a.token"):
            secrets |= {token, *token.split(".")[-2:]}
            for mechanism in ("OAUTHBEARER", "XOAUTH2"):
                with side.connect(certificates.client_context()) as talk:
                    assert mechanism in talk.mechanisms()
                    reply = talk.log_in(mechanism, bearer(mechanism, token))
                    let_in = reply.startswith(SUCCESS[side.protocol])
                    assert let_in == (token == playground.token)
                    secrets |= messages(talk)
    for each in all_servers:
        each.close()
    assert "ualauth.audit" in heard.text
    assert not in_log(heard, secrets - {"not", "a", "token"})


def bearer(mechanism: str, token: str) -> Client:
    """Return a client with a token, which answers the error that goes before a refusal."""
    if mechanism == "OAUTHBEARER":
        challenge = yield f"n,a=jsmith,\1auth=Bearer {token}\1\1".encode()
        yield b"\1"
    else:
        challenge = yield f"user=jsmith\1auth=Bearer {token}\1\1".encode()
        yield b""
    del challenge
