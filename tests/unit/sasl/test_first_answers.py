"""SCRAM's first answer tells nothing of who exists, nor does what is left behind by going then.

What is done until the salt is sent is counted: what the driver is asked for, what the database
is asked, and how much is sent. A statistic over many names then says how well known users are
told from names that no user has: 0.5 is not at all, 1.0 always. Each measure is also shown to
fail when what it is about is taken out.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, event

from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, AuthenticationError, Authenticator
from ualauth.contract.requests import Until
from ualauth.sasl.mechanism import Wire
from ualauth.sasl.mock import MockSecrets
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.cache import Account
from ualauth.userlist.login import exchange as login_exchange

MECHANISM = "SCRAM-SHA-256"
HERE = "192.0.2.7"
KNOWN = ("jsmith", "typist", "jsmith@example.com", "Typist")
UNKNOWN = ("nobody", "nobody2", "nobody@example.com", "Nobody")
SETTINGS = "[stack]\nfail_delay = false\n[lockout]\nfailures = 3\n"


class Shown(NamedTuple):
    """What is done until the salt is sent, and what is sent."""

    requests: int
    """What the driver was asked for: threads, computations, waits."""
    secrets: int
    """Questions to the database for the secrets of a user."""
    questions: int
    """All questions about users; some more find out that there is none of a name."""
    paced: bool
    """Whether the answer was sent at a whole multiple of a pace, so that they do not show."""
    octets: int

    @property
    def time(self) -> int:
        """A number that is greater the longer the client waits."""
        return 0 if self.paced else 1 + self.questions


class Counts:
    """Counts while it is entered."""

    def __init__(self) -> None:
        self.requests: list[object] = []
        self.questions: list[str] = []

    def begin(self) -> None:
        self.requests.clear()
        self.questions.clear()

    def _connected(self, connection: Any, _: object) -> None:
        connection.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        # What is counted for the guess is written beside the answer, in no certain order.
        if statement.startswith("SELECT") and not re.search("login_failures|changes", statement):
            self.questions.append(statement)

    @contextmanager
    def counting(self) -> Iterator[None]:
        event.listen(Engine, "connect", self._connected)
        try:
            yield
        finally:
            event.remove(Engine, "connect", self._connected)

    def shown(self, challenge: bytes | None) -> Shown:
        paced = bool(self.requests) and isinstance(self.requests[-1], Until)
        secrets = [each for each in self.questions if "FROM sasl_passwords" in each]
        octets = len(challenge or b"")
        return Shown(len(self.requests), len(secrets), len(self.questions), paced, octets)


def first_message(name: str) -> bytes:
    message = next(clients.scram(MECHANISM, name, "wrong"))
    assert message is not None
    return message


def blocking(folder: ConfigFolder, name: str, *, remembered: bool) -> Shown:
    counts = Counts()

    class Recording(Authenticator):
        def _carry_out(self, handle: Any, request: Any) -> Any:
            counts.requests.append(request)
            return super()._carry_out(handle, request)

    with Recording(folder.config()) as auth, counts.counting():
        for number in range(1 + remembered):
            counts.begin()
            exchange = auth.sasl("imap", MECHANISM, tls=True, rhost=f"{HERE}{number}")
            shown = counts.shown(exchange.step(first_message(name)))
            exchange.close()
        return shown


def asynchronous(folder: ConfigFolder, name: str, *, remembered: bool) -> Shown:
    counts = Counts()

    class Recording(AsyncAuthenticator):
        async def _carry_out(self, handle: Any, request: Any) -> Any:
            counts.requests.append(request)
            return await super()._carry_out(handle, request)

    async def run() -> Shown:
        async with Recording(folder.config()) as auth:
            for number in range(1 + remembered):
                counts.begin()
                exchange = auth.sasl("imap", MECHANISM, tls=True, rhost=f"{HERE}{number}")
                shown = counts.shown(await exchange.step(first_message(name)))
                exchange.close()
            return shown

    with counts.counting():
        return asyncio.run(run())


WAYS: dict[str, Callable[..., Shown]] = {"blocking": blocking, "asyncio": asynchronous}


def told_apart(known: list[int], unknown: list[int]) -> float:
    """Return how often a number tells a known user from an unknown one (the area under ROC)."""
    pairs = [(one > other) + (one == other) / 2 for one in known for other in unknown]
    share = sum(pairs) / len(pairs)
    return max(share, 1 - share)


def measures(folder: ConfigFolder, way: str, *, remembered: bool) -> dict[str, float]:
    look = WAYS[way]
    known = [look(folder, name, remembered=remembered) for name in KNOWN]
    unknown = [look(folder, name, remembered=remembered) for name in UNKNOWN]
    looks: dict[str, Callable[[Shown], int]] = {
        "requests": lambda each: each.requests,
        "secrets": lambda each: each.secrets,
        "time": lambda each: each.time,
        # The client's own nonce is as long each time.
        "octets": lambda each: each.octets,
    }
    return {name: told_apart([*map(of, known)], [*map(of, unknown)]) for name, of in looks.items()}


@pytest.fixture
def service(folder: ConfigFolder, people: Userlist) -> ConfigFolder:
    folder.settings(SETTINGS)
    people.close()
    return folder


@pytest.mark.parametrize("remembered", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_the_first_answer_tells_no_known_user_from_an_unknown(
    service: ConfigFolder, way: str, *, remembered: bool
) -> None:
    told = measures(service, way, remembered=remembered)
    assert all(each == 0.5 for each in told.values()), told


def unlevelled_secret(*_: Any, **__: Any) -> Any:
    """Find a secret as one does who thinks of users only: nothing is done where there is none."""

    async def find(attempt: Any, cache: Any, account: Any, exchange: Any, *, trusted: bool) -> Any:
        del trusted
        if account is None:
            return None
        await attempt.offload(cache.read_secrets, account)
        return account.secrets.get(exchange.kind)

    return find(*_, **__)


async def no_pace(self: Wire) -> None:
    del self


def no_question_for_unknown_names(cache: Any, account: Any, resource: Any) -> None:
    resource(MockSecrets)
    if account is not None:
        cache.read_secrets(account)


def trusted(*_: object) -> bool:
    return True


TAKEN_OUT: dict[str, tuple[object, str, object, set[str]]] = {
    "the way to the secret": (login_exchange, "_find_secret", unlevelled_secret, {"secrets"}),
    "the question for names that no user has": (
        *(login_exchange, "_prepare", no_question_for_unknown_names),
        {"secrets"},
    ),
    "the way of those who are remembered": (
        *(Account, "is_trusted_source", trusted),
        {"requests", "time"},
    ),
    "the pace": (Wire, "pace", no_pace, {"time"}),
}
"""What is taken out -> where it is, its name, what stands there instead, and what has to fail."""


@pytest.mark.parametrize("what", TAKEN_OUT)
@pytest.mark.parametrize("way", WAYS)
def test_the_measure_fails_when_the_levelling_is_taken_out(
    service: ConfigFolder, way: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, name, instead, failing = TAKEN_OUT[what]
    monkeypatch.setattr(place, name, instead)
    told = measures(service, way, remembered=True)
    assert {each for each, value in told.items() if value > 0.6} >= failing, told


# What is left behind by a client that goes after the salt


def goes(service: ConfigFolder, way: str, name: str) -> list[str]:
    """Return what logins come to after three clients have gone: from their source, and another."""
    results: list[str] = []

    def note(error: AuthenticationError | None) -> None:
        results.append(str(error and error.code))

    if way == "blocking":
        with Authenticator(service.config()) as auth:
            for _ in range(3):
                exchange = auth.sasl("imap", MECHANISM, tls=True, rhost=HERE)
                exchange.step(first_message(name))
                exchange.close()
                wait_until_quiet(auth)
            for rhost in (HERE, "198.51.100.9"):
                with pytest.raises(AuthenticationError) as raised:
                    auth.authenticate("imap", name, "wrong", rhost=rhost)
                note(raised.value)
        return results

    async def run() -> None:
        async with AsyncAuthenticator(service.config()) as auth:
            for _ in range(3):
                exchange = auth.sasl("imap", MECHANISM, tls=True, rhost=HERE)
                await exchange.step(first_message(name))
                exchange.close()
                await asyncio.to_thread(wait_until_quiet, auth)
            for rhost in (HERE, "198.51.100.9"):
                with pytest.raises(AuthenticationError) as raised:
                    await auth.authenticate("imap", name, "wrong", rhost=rhost)
                note(raised.value)

    asyncio.run(run())
    return results


def wait_until_quiet(auth: Any) -> None:
    quiet = threading.Event()
    for _ in range(1000):
        if auth._base._guesses.is_quiet:
            return
        quiet.wait(0.01)
    raise AssertionError("a guess is open")


@pytest.mark.parametrize("way", WAYS)
def test_what_abandoned_exchanges_leave_behind_is_the_same(service: ConfigFolder, way: str) -> None:
    left = {name: goes(service, way, name)[0] for name in ("jsmith", "nobody", "typist")}
    assert set(left.values()) == {"perm_denied"}, left


def count_users_only(attempt: Any, account: Any, exchange: Any) -> None:
    if account is not None:
        _COUNT_BEFORE(attempt, account, exchange)


_COUNT_BEFORE = login_exchange._count_before


@pytest.mark.parametrize("instead", [lambda *_: None, count_users_only])
@pytest.mark.parametrize("way", WAYS)
def test_the_measure_fails_when_abandoned_exchanges_do_not_count(
    service: ConfigFolder, way: str, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_exchange, "_count_before", instead)
    left = {name: goes(service, way, name)[0] for name in ("jsmith", "nobody")}
    assert set(left.values()) != {"perm_denied"}, left
