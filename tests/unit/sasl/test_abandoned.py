"""An exchange that ends after the salt: it counts, and its way to the salt is the same for all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, AuthenticationError, Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

MECHANISM = "SCRAM-SHA-256"
HERE, THERE = "192.0.2.7", "198.51.100.9"
NAMES = ("jsmith", "nobody", "typist", "nobody@example.com")
SETTINGS = "[stack]\nfail_delay = false\n[lockout]\nfailures = 3\n"


def begin(auth: Any, name: str, rhost: str = HERE) -> tuple[Any, Any, Any]:
    """Return an exchange, its client, and what the first step of it returns."""
    exchange = auth.sasl("imap", MECHANISM, tls=True, rhost=rhost)
    client = clients.scram(MECHANISM, name, "wrong")
    return exchange, client, exchange.step(next(client))


def wait_until_quiet(auth: Any) -> None:
    for _ in range(1000):
        if auth._base._guesses.is_quiet:
            return
        time.sleep(0.01)
    raise AssertionError("a guess is open")


@pytest.mark.parametrize("ending", ["close", "forget", "nonsense"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_given_up_after_the_salt_counts_as_a_failure(
    folder: ConfigFolder, people: Userlist, name: str, ending: str
) -> None:
    folder.settings(SETTINGS)
    with Authenticator(folder.config()) as auth:
        for _ in range(3):
            exchange, _, challenge = begin(auth, name)
            assert challenge
            if ending == "close":
                exchange.close()
            elif ending == "nonsense":
                with pytest.raises(AuthenticationError):
                    exchange.step(b"nonsense")
            del exchange
            wait_until_quiet(auth)
        with pytest.raises(AuthenticationError) as error:
            auth.authenticate("imap", name, "wrong", rhost=HERE)
        assert str(error.value.code) == "perm_denied"
        with pytest.raises(AuthenticationError) as error:
            auth.authenticate("imap", name, "wrong", rhost=THERE)
        assert str(error.value.code) != "perm_denied"


def test_exchanges_that_wait_for_their_clients_hold_no_other_login_up(
    folder: ConfigFolder, people: Userlist
) -> None:
    folder.settings(SETTINGS)
    with Authenticator(folder.config()) as auth:
        held = [begin(auth, "jsmith") for _ in range(10)]
        started = auth.authenticate("imap", "jsmith", "pencil", rhost=HERE)
        assert started.user == "jsmith"
        for exchange, *_ in held:
            exchange.close()
        wait_until_quiet(auth)


def requests(folder: ConfigFolder, name: str, *, known: bool) -> list[str]:
    """Return what an exchange asks of its driver until the salt is sent."""
    asked: list[str] = []

    class Recording(AsyncAuthenticator):
        async def _carry_out(self, handle: Any, request: Any) -> Any:
            asked.append(type(request).__name__)
            return await super()._carry_out(handle, request)

    async def run() -> None:
        async with Recording(folder.config()) as auth:
            if known:
                # From elsewhere: the record is remembered, and the source is not trusted.
                with contextlib.suppress(AuthenticationError):
                    await auth.authenticate("imap", name, "pencil", rhost=THERE)
            first, _, step = begin(auth, name)
            await step
            first.close()
            asked.clear()
            second, _, step = begin(auth, name)
            await step
            second.close()

    asyncio.run(run())
    return asked


@pytest.mark.parametrize("known", [False, True])
def test_the_way_to_the_salt_is_the_same_for_all(
    folder: ConfigFolder, people: Userlist, *, known: bool
) -> None:
    ways = {name: requests(folder, name, known=known) for name in NAMES}
    assert ways["nobody"] == ["Offload", "Offload", "Until"]
    assert all(each == ways["nobody"] for each in ways.values()), ways
