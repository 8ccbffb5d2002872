"""Many logins at once while servers come and go: no wrong answer, ever."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.search_and_bind import SearchAndBind
from tests.ldap.slapd import Slapd, running
from tests.seeds import rounds
from ualauth import AsyncAuthenticator
from ualauth.errors import AuthenticationFailed, TemporaryFailure
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.directory import PooledDirectory
from ualauth.ldap.client.settings import LdapSettings, Library
from ualauth.testing.folder import ConfigFolder

LOGINS = rounds(2000)
RESTARTS = max(2, LOGINS // 1000)
TASKS = 200
USERS = 100


@pytest.fixture
def servers(authority: Authority) -> Iterator[list[Slapd]]:
    """Return two servers that have the same people."""
    entries = people.many(USERS)
    with (
        running(authority, entries=entries) as first,
        running(authority, entries=entries) as second,
    ):
        yield [first, second]


@dataclass
class Load:
    """What became of the logins."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    failures: list[tuple[float, float]] = field(default_factory=list)
    done: int = 0

    async def login(self, authenticator: AsyncAuthenticator, number: int) -> None:
        """Log in with the right password, or each tenth time with a wrong one."""
        user = people.user(number % USERS)
        right = number % 10 != 0
        password = user.password if right else f"{user.password}x"
        name = f"user{number % USERS}"
        started = time.monotonic()
        try:
            await authenticator.authenticate("test", name, password)
            outcome, expected = "granted", right
        except AuthenticationFailed:
            outcome, expected = "refused", not right
        except TemporaryFailure:
            outcome, expected = "failed", True
            self.failures.append((started, time.monotonic()))
        self.counts[outcome] += 1
        self.done += 1
        if not expected:
            self.wrong.append(f"{outcome}: {name} with {'the right' if right else 'a wrong'} one")


def _folder(folder: ConfigFolder, settings: LdapSettings) -> None:
    SearchAndBind.settings = settings
    folder.settings("[stack]\nfail_delay = false\n")
    folder.module("search_and_bind", SearchAndBind)
    folder.service("test", "auth required search_and_bind\naccount required pam_permit\n")


def _settings(authority: Authority, library: Library, *servers: Slapd) -> LdapSettings:
    return LdapSettings(
        uris=tuple(each.uri for each in servers),
        login=people.READER,
        ca_file=str(authority.file),
        library=library,
        retry_first=0.05,
        retry_most=0.2,
    )


def test_a_server_is_restarted_under_load(
    folder: ConfigFolder, authority: Authority, servers: list[Slapd], library: Library
) -> None:
    _folder(folder, _settings(authority, library, servers[0]))
    load = Load()
    down: list[tuple[float, float]] = []

    def restart(index: int) -> None:
        began = time.monotonic()
        servers[0].stop(signal.SIGKILL if index % 2 else signal.SIGTERM)
        servers[0].start()
        down.append((began, time.monotonic()))

    async def play() -> None:
        async with AsyncAuthenticator(folder.config()) as authenticator:
            numbers = itertools.count()

            async def logins() -> None:
                while (number := next(numbers)) < LOGINS:
                    await load.login(authenticator, number)

            async def restarts() -> None:
                for index in range(RESTARTS):
                    while load.done < LOGINS * (index + 1) // (RESTARTS + 1):  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
                    await asyncio.to_thread(restart, index)

            await asyncio.gather(restarts(), *(logins() for _ in range(TASKS)))

    asyncio.run(play())
    print(dict(load.counts), "down for", [round(until - since, 3) for since, until in down])  # noqa: T201 - for who wants to know
    assert load.wrong == []
    assert sum(load.counts.values()) == LOGINS
    assert len(down) == RESTARTS
    while_up = [
        (began, ended)
        for began, ended in load.failures
        if not any(began <= until and since <= ended for since, until in down)
    ]
    assert while_up == []
    assert load.counts["granted"] > LOGINS // 2


def test_the_other_server_takes_over_and_gives_back(
    folder: ConfigFolder, authority: Authority, servers: list[Slapd], library: Library
) -> None:
    settings = _settings(authority, library, *servers)
    _folder(folder, settings)
    load = Load()
    served: list[str] = []

    def first_is_well() -> bool:
        return SearchAndBind.directory._servers.all[0].health.well

    async def play() -> None:
        async with AsyncAuthenticator(folder.config()) as authenticator:
            numbers = itertools.count()
            ended = asyncio.Event()

            async def logins() -> None:
                while not ended.is_set():
                    await load.login(authenticator, next(numbers))

            async def until(done: int) -> None:
                target = load.done + done
                while load.done < target:  # noqa: ASYNC110 - it is not told
                    await asyncio.sleep(0.005)

            async def change() -> None:
                try:
                    await until(200)
                    served.append(await asyncio.to_thread(_who, SearchAndBind.directory))
                    for how in (signal.SIGTERM, signal.SIGKILL):
                        await asyncio.to_thread(servers[0].stop, how)
                        await until(200)
                        served.append(await asyncio.to_thread(_who, SearchAndBind.directory))
                        await asyncio.to_thread(servers[0].start)
                        while not first_is_well():  # noqa: ASYNC110 - likewise
                            await asyncio.sleep(0.01)
                        await until(200)
                        served.append(await asyncio.to_thread(_who, SearchAndBind.directory))
                finally:
                    ended.set()

            async with asyncio.timeout(60):
                await asyncio.gather(change(), *(logins() for _ in range(50)))

    asyncio.run(play())
    assert load.wrong == []
    assert load.failures == []
    first, second = (each.uri for each in servers)
    assert served == [first, second, first, second, first]


def _who(directory: PooledDirectory) -> str:
    """Return the server that is asked."""
    return run_blocking(directory.connected(BLOCKING)).server
