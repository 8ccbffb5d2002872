"""What all tests share: a configuration folder, and both ways in under one face."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import hypothesis
import pytest

from tests import declared_reasons as reasons
from tests import postgresql as postgres
from tests import running, samba
from tests.answers import unsaid
from tests.ldap.authority import Authority
from tests.migrated import migrate_as_before
from tests.seeds import rounds
from ualauth import AsyncAuthenticator, AsyncTransaction, Authenticator, Transaction
from ualauth.codes import Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.identity import Identity
from ualauth.passwords import scram
from ualauth.runtime.trace import Run
from ualauth.sources import watched
from ualauth.stack.engine import EngineStep
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist.database import schema, sqlite

# Loaded machines are slow at times, and tests leave nothing behind in the working folder.
hypothesis.settings.register_profile(
    "ualauth",
    deadline=None,
    database=None,
    # It would be otherwise where the variable CI is set: then no seed has a meaning.
    derandomize=False,
    max_examples=rounds(100),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ualauth")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let `tests/running.py` say how a run is made."""
    config.pluginmanager.register(running)
    config.pluginmanager.register(reasons)


A = TypeVar("A", bound=Authenticator | AsyncAuthenticator)


class OneWay(Generic[A]):
    """What both ways in have."""

    asynchronous: bool
    kind: type[A]

    def __init__(self) -> None:
        """Begin."""
        self._authenticators: list[A] = []

    def close(self) -> None:
        """Close every authenticator."""
        for each in self._authenticators:
            self.run(each.close())

    def run(self, result: Any) -> Any:
        """Return what a call returned, or its coroutine comes to."""
        raise NotImplementedError

    def authenticator(self, config: Config) -> A:
        """Make an authenticator."""
        self._authenticators.append(self.kind(config))
        return self._authenticators[-1]

    def perform(self, transaction: Any, operation: Operation, flags: int = 0) -> ReturnCode:
        """Run one operation."""
        code: ReturnCode = self.run(getattr(transaction, operation.method)(flags))
        return code

    def login(self, config: Config, *args: str, **peer: Any) -> Identity:
        """Log in with an authenticator of its own."""
        identity: Identity = self.run(self.authenticator(config).authenticate(*args, **peer))
        return identity

    def change(self, config: Config, *args: str, **peer: Any) -> None:
        """Change a password with an authenticator of its own."""
        self.run(self.authenticator(config).change_password(*args, **peer))


class Blocking(OneWay[Authenticator]):
    """The blocking way in."""

    asynchronous = False
    kind = Authenticator

    def run(self, result: Any) -> Any:
        """Return what a call returned."""
        return result

    @contextmanager
    def begin(
        self, config: Config, service: str, user: str | None, conversation: Any, **peer: Any
    ) -> Iterator[Transaction]:
        """Begin a transaction."""
        with self.authenticator(config).transaction(service, user, conversation, **peer) as begun:
            yield begun


class Asynchronous(OneWay[AsyncAuthenticator]):
    """The asyncio way in, driven from outside."""

    asynchronous = True
    kind = AsyncAuthenticator

    def __init__(self) -> None:
        """Begin a loop."""
        super().__init__()
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Close every authenticator, and end the loop."""
        super().close()
        self._runner.close()

    def run(self, result: Any) -> Any:
        """Run a coroutine to its end."""
        return self._runner.run(result)

    @contextmanager
    def begin(
        self, config: Config, service: str, user: str | None, conversation: Any, **peer: Any
    ) -> Iterator[AsyncTransaction]:
        """Begin a transaction."""
        transaction = self.authenticator(config).transaction(service, user, conversation, **peer)
        self.run(transaction.__aenter__())
        try:
            yield transaction
        finally:
            self.run(transaction.__aexit__())


Way = Blocking | Asynchronous


@pytest.fixture(params=[Blocking, Asynchronous], ids=["blocking", "asyncio"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """Return one way in after the other."""
    new_way = request.param()
    yield new_way
    new_way.close()


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """Return an empty configuration folder."""
    return ConfigFolder(tmp_path / "etc")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """Return a PostgreSQL server for all tests; each makes a database of its own."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def samba_controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[samba.Controller]:
    """Return an Active Directory domain controller for all tests, with a KDC."""
    with samba.running(Authority(tmp_path_factory.mktemp("samba"))) as controller:
        yield controller


@pytest.fixture(autouse=True)
def written_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for files that are read for the first time: tests write them just before."""
    monkeypatch.setattr(watched, "FIRST", 0.0)
    monkeypatch.setattr(watched, "EMPTY", 0.0)


@pytest.fixture(autouse=True)
def answered_as_said(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See that our modules answer nothing but what they say they may (`Module.answers`)."""
    walk = Run.walk
    told: set[str] = set()

    def watched_walk(run: Run) -> list[EngineStep]:
        steps = walk(run)
        told.update(unsaid(run, step) for step in steps)
        return steps

    monkeypatch.setattr(Run, "walk", watched_walk)
    yield
    assert told <= {""}


@pytest.fixture(autouse=True)
def cheap_scram(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new SCRAM secrets cost the least that clients take; what they cost is kept in each."""
    for name, mechanism in scram.MECHANISMS.items():
        cheap = dataclasses.replace(mechanism, iterations=scram.MIN_ITERATIONS)
        monkeypatch.setitem(scram.MECHANISMS, name, cheap)


@pytest.fixture(autouse=True)
def left_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk after each transaction: no test cuts the power."""
    monkeypatch.setattr(sqlite, "_SYNCHRONOUS", "OFF")


@pytest.fixture(autouse=True)
def migrated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Alembic make the tables of one SQLite database; all others get what it made there."""
    monkeypatch.setattr(schema, "_migrate", migrate_as_before)
