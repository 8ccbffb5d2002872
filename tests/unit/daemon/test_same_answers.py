"""Every socket answers what the library in process answers."""

from __future__ import annotations

import asyncio
import itertools
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from tests.unit.daemon.serving import Client, Served, listen, served
from tests.unit.daemon.test_saslauthd import counted
from tests.unit.sasl import clients
from ualauth.adapters.http_login import HttpPeer, HttpService, log_in_async
from ualauth.adapters.http_replies import HttpRefusal
from ualauth.aio import AsyncAuthenticator
from ualauth.config.config import Config
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    MechanismUnavailable,
    PasswordExpired,
    UalauthError,
)
from ualauth.testing.folder import ConfigFolder

SERVICES = ("imap", "smtpd.auth", "expired", "outage", "broken", "absent")
NAMES = ("jane", "jane@example.com", "JANE", "joe", "unknown", "", "ja\tne", "jäne", "x" * 2000)
PASSWORDS = ("secret", "wrong", "", "secret ", "x\ty\nz", "pässword", "x" * 3000)


@pytest.fixture
def daemon(folder: ConfigFolder) -> Iterator[Served]:
    folder.service("broken", "auth required no_such_module\n")
    own = {
        "auth-http": 'backends = {imap = "127.0.0.1:143"}\n[listen.service]\nimap = "SERVICE"\n',
        "forward-auth": 'service = "SERVICE"\n',
    }
    for_each_service = "".join(
        f'[[listen]]\nprotocol = "{name}"\npath = "{folder.path}/{name}-{service}"\n'
        + more.replace("SERVICE", service)
        for name, more in own.items()
        for service in SERVICES
    )
    folder.settings(listen(folder.path, "dovecot-auth", "saslauthd") + for_each_service)
    with served(folder) as daemon:
        yield daemon


class Library:
    """The library in this process."""

    def __init__(self, folder: ConfigFolder) -> None:
        self._runner = asyncio.Runner()
        self._authenticator = AsyncAuthenticator(Config.load(folder.path))

    def outcome(self, call: Callable[[AsyncAuthenticator], Any]) -> str:
        """Return in a word what it answers."""

        async def ask() -> str:
            try:
                identity = await call(self._authenticator)
            except UalauthError as error:
                return word_of(error)
            return f"granted {identity.user}"

        return self._runner.run(ask())

    def run(self, call: Callable[[AsyncAuthenticator], Any]) -> Any:
        """Return what a coroutine function makes of it."""
        return self._runner.run(call(self._authenticator))

    def close(self) -> None:
        self._runner.run(self._authenticator.close())
        self._runner.close()


@pytest.fixture
def library(folder: ConfigFolder) -> Iterator[Library]:
    library = Library(folder)
    yield library
    library.close()


def word_of(error: Exception) -> str:
    match error:
        case AuthenticationFailed() | MechanismUnavailable():
            return "refused"
        case AccountRestricted():
            return "restricted"
        case PasswordExpired():
            return "expired"
        case _:
            return "unavailable"


class Dovecot:
    """A client of dovecot-auth that is a Dovecot: it understands all codes."""

    def __init__(self, daemon: Served, folder: ConfigFolder) -> None:
        self.client = daemon.connect(f"{folder.path}/dovecot-auth")
        while self.client.line() != b"DONE":
            pass
        self.client.send(b"VERSION\t1\t2\nCPID\t1\n")
        self._ids = itertools.count(1)

    def outcome(self, service: str, mechanism: str, steps: clients.Client, more: str = "") -> str:
        number = next(self._ids)
        initial = next(steps)
        resp = "" if initial is None else f"\tresp={b64encode(initial).decode() or '='}"
        line = f"AUTH\t{number}\t{mechanism}\tservice={service}\trip=192.0.2.7{more}{resp}\n"
        self.client.send(line.encode())
        while (said := self.client.line()).startswith(b"CONT\t%d\t" % number):
            challenge = b64decode(said.split(b"\t")[2])
            try:
                response = steps.send(challenge)
            except StopIteration:
                response = b""
            assert response is not None
            self.client.send(b"CONT\t%d\t%b\n" % (number, b64encode(response)))
        command, answered, *fields = said.decode().split("\t")
        assert int(answered) == number
        words = dict(each.partition("=")[::2] for each in fields)
        if command == "OK":
            return f"granted {words['user']}"
        assert command == "FAIL"
        codes = {"user_disabled": "restricted", "pass_expired": "expired"}
        return {**codes, "temp_fail": "unavailable"}.get(words.get("code", ""), "refused")


def saslauthd_answer(daemon: Served, folder: ConfigFolder, *fields: str) -> str:
    with daemon.connect(f"{folder.path}/saslauthd") as client:
        client.send(counted(*(each.encode() for each in fields)))
        said = client.rest()
    text = said[2:].decode()
    assert len(text) == int.from_bytes(said[:2], "big")
    return text


def http_answer(client: Client, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Return the status and the headers, with names in lower case, of what a GET is answered."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    client.send(f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    status = int(client.line().split()[1])
    answered: dict[str, str] = {}
    while line := client.line().rstrip(b"\r").decode():
        name, _, value = line.partition(": ")
        answered[name.lower()] = value
    length = int(answered["content-length"])
    while length > 0:
        length -= len(client.line()) + 1
    return status, answered


AUTH_HTTP = {
    "OK": "granted",
    "[CONTACTADMIN]": "restricted",
    "[EXPIRED]": "expired",
    "[UNAVAILABLE]": "unavailable",
}


@pytest.mark.parametrize("service", SERVICES)
def test_every_socket_is_asked_the_same(
    daemon: Served, folder: ConfigFolder, library: Library, service: str
) -> None:
    """All names with all passwords, with and without TLS: a thousand questions in all."""
    path = folder.path
    dovecot = Dovecot(daemon, folder)
    nginx = daemon.connect(f"{path}/auth-http-{service}")
    web = daemon.connect(f"{path}/forward-auth-{service}")
    for name, password, tls in itertools.product(NAMES, PASSWORDS, (True, False)):
        question = (service, name, password, tls)
        expected = library.outcome(by_plain(service, name, password, tls=tls))
        more = "\tsecured" if tls else ""
        assert dovecot.outcome(service, "PLAIN", clients.plain(name, password), more) == expected
        headers = {
            "Auth-Method": "plain",
            "Auth-User": quote(name, safe=""),
            "Auth-Pass": quote(password, safe=""),
            "Auth-Protocol": "imap",
            "Client-IP": "192.0.2.7",
            **({"Auth-SSL": "on"} if tls else {}),
        }
        status, answered = http_answer(nginx, headers)
        word = AUTH_HTTP.get(answered["auth-status"].split()[0], "refused")
        user = f" {answered['auth-user']}" if word == "granted" else ""
        assert (status, word + user) == (200, expected), question
        basic = b64encode(f"{name}:{password}".encode()).decode()
        status, answered = http_answer(
            web,
            {
                "Authorization": f"Basic {basic}",
                "X-Forwarded-For": "192.0.2.7",
                "X-Forwarded-Proto": "https" if tls else "http",
            },
        )
        assert status_of(library, service, f"Basic {basic}", tls=tls) == (
            status,
            answered.get("remote-user"),
        ), question
    for client in (dovecot.client, nginx, web):
        client.close()


def status_of(
    library: Library, service: str, authorization: str, *, tls: bool
) -> tuple[int, str | None]:
    """Return the status that the library has for a web site, and who is let in."""

    async def ask(authenticator: AsyncAuthenticator) -> tuple[int, str | None]:
        peer = HttpPeer("192.0.2.7", tls)
        http_service = HttpService(service, "mail")
        try:
            identity = await log_in_async(authenticator, http_service, (authorization,), peer)
        except HttpRefusal as refusal:
            return refusal.reply.status, None
        return 200, identity.user

    answer: tuple[int, str | None] = library.run(ask)
    return answer


def test_plain_logins(daemon: Served, folder: ConfigFolder, library: Library) -> None:
    dovecot = Dovecot(daemon, folder)
    seen = set()
    for service, name, password in cases():
        for tls in (False, True):
            expected = library.outcome(by_plain(service, name, password, tls=tls))
            steps = clients.plain(name, password)
            got = dovecot.outcome(service, "PLAIN", steps, "\tsecured" if tls else "")
            assert (service, name, password, got) == (service, name, password, expected)
            seen.add(got.partition(" ")[0])
    assert seen == {"granted", "refused", "restricted", "expired", "unavailable"}
    dovecot.client.close()


def test_typed_passwords(daemon: Served, folder: ConfigFolder, library: Library) -> None:
    words = {"granted": "OK", "unavailable": "NO temporary authentication failure"}
    for service, name, password in cases():

        def typed(
            auth: AsyncAuthenticator, service: str = service, name: str = name, word: str = password
        ) -> Any:
            return auth.authenticate(service, name, word)

        expected = library.outcome(typed).partition(" ")[0]
        got = saslauthd_answer(daemon, folder, name, password, service, "")
        assert (name, password, got) == (
            name,
            password,
            words.get(expected, "NO authentication failed"),
        )


def cases() -> Iterator[tuple[str, str, str]]:
    """Yield services, names and passwords: each word beside what is right otherwise."""
    yield from itertools.product(SERVICES, ("jane", "joe", "unknown"), ("secret", "wrong"))
    yield from (("imap", name, "secret") for name in NAMES)
    yield from (("imap", "jane", password) for password in PASSWORDS)


def by_plain(
    service: str, name: str, password: str, *, tls: bool
) -> Callable[[AsyncAuthenticator], Any]:
    async def ask(authenticator: AsyncAuthenticator) -> Any:
        exchange = authenticator.sasl(service, "PLAIN", tls=tls, rhost="192.0.2.7")
        assert await exchange.step(f"\0{name}\0{password}".encode()) is None
        return exchange.identity

    return ask


def test_other_mechanisms(daemon: Served, folder: ConfigFolder) -> None:
    dovecot = Dovecot(daemon, folder)
    for password, expected in (("secret", "granted jane"), ("wrong", "refused")):
        for mechanism, steps, more in (
            ("LOGIN", clients.login("jane", password), "\tsecured"),
            ("login", login_with_name("jane", password), "\tsecured"),
            ("SCRAM-SHA-256", clients.scram("SCRAM-SHA-256", "jane", password), ""),
            ("CRAM-MD5", clients.cram_md5("jane", password), ""),
            ("SCRAM-SHA-1", clients.scram("SCRAM-SHA-1", "jane", password), ""),
        ):
            got = dovecot.outcome("imap", mechanism, steps, more)
            # The last one is not among [sasl] mechanisms.
            assert got == (expected if mechanism != "SCRAM-SHA-1" else "refused"), mechanism
    dovecot.client.close()


def login_with_name(name: str, password: str) -> clients.Client:
    challenge = yield name.encode()
    assert challenge == b"Password:"
    yield password.encode()


def test_a_change_of_the_password_holds_for_the_next_request(
    daemon: Served, folder: ConfigFolder
) -> None:
    from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
    from ualauth.userlist.store import UserStore

    dovecot = Dovecot(daemon, folder)
    hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
    with UserStore(f"sqlite:///{folder.path}/userlist.db") as store:
        for password in ("one", "two", "three"):
            user = store.get("jane")
            stored = hasher.hash(password)
            store.set_password(user, stored, (), changed=datetime.now(UTC), expires=None)
            for word in ("secret", "one", "two", "three"):
                got = dovecot.outcome("imap", "PLAIN", clients.plain("jane", word), "\tsecured")
                assert got == ("granted jane" if word == password else "refused")
    dovecot.client.close()


def test_one_client_after_another(daemon: Served, folder: ConfigFolder) -> None:
    place = f"{folder.path}/dovecot-auth"
    numbers = set()
    for _ in range(3):
        with daemon.connect(place) as client:
            numbers.add(next(line for line in lines(client) if line.startswith(b"CUID")))
    assert len(numbers) == 3


def lines(client: Client) -> Iterator[bytes]:
    while line := client.line():
        yield line
