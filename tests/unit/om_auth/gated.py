"""A USERLIST whose hashes stop at a gate: tests say what happens while one is computed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from ualauth import (
    AsyncAuthenticator,
    AuthenticationFailed,
    Authenticator,
    ReturnCode,
    TemporaryFailure,
)
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

HERE, THERE = "192.0.2.7", "198.51.100.9"
PASSWORD = "correct horse"

A = TypeVar("A", Authenticator, AsyncAuthenticator)


class GatedHasher(PasswordHasher):
    """A hasher that stops at a gate, where the test has closed it."""

    def __init__(self, mechanisms: Sequence[str] = ()) -> None:
        super().__init__(profile=CHEAPEST_FOR_TESTS, mechanisms=tuple(mechanisms))
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)

    def pass_gate(self) -> None:
        """Say that a computation has begun, and wait until it may go on."""
        self.begun.release()
        self.gate.wait(60)

    def verify(self, password: str, stored: str) -> bool:
        self.pass_gate()
        return super().verify(password, stored)


class GatedPlace:
    """A folder, its USERLIST, and authenticators that share a hasher."""

    def __init__(
        self, path: Path, settings: str, users: Sequence[str], hasher: GatedHasher
    ) -> None:
        self.folder = ConfigFolder(path)
        self.folder.settings(settings)
        self.folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
        self.hasher = hasher
        self._authenticators: list[Authenticator | AsyncAuthenticator] = []
        self.userlist = Userlist.create(path)
        for name in users:
            user = self.userlist.add(name, addresses=(f"{name}@example.com",))
            secrets, now = hasher.secrets(PASSWORD), datetime.now(UTC)
            hashed = hasher.hash(PASSWORD)
            self.userlist.store.set_password(user, hashed, secrets, changed=now, expires=None)

    def authenticator(self) -> AsyncAuthenticator:
        return self.prepared(AsyncAuthenticator(self.folder.config()))

    def blocking(self) -> Authenticator:
        return self.prepared(Authenticator(self.folder.config()))

    def prepared(self, authenticator: A) -> A:
        authenticator._base.resources._open[PasswordHasher] = self.hasher
        self._authenticators.append(authenticator)
        return authenticator

    def failures(self, name: str, source: str = HERE) -> int:
        """Return how many failures are counted."""
        user = self.userlist.store.get(name)
        count = self.userlist.store.all_failures(user).get(source)
        return 0 if count is None else count.number

    def close(self) -> None:
        """Let all go on, and close what is open."""
        self.hasher.gate.set()
        for authenticator in self._authenticators:
            authenticator._base.close()
        self.userlist.close()


async def outcome_of(login: Awaitable[object]) -> str:
    """Return how a login ended, in a word."""
    try:
        await login
    except TemporaryFailure:
        return "unavailable"
    except AuthenticationFailed as error:
        return "locked" if error.code is ReturnCode.PERM_DENIED else "refused"
    return "granted"


async def until(true: Callable[[], object]) -> None:
    """Wait until something is true, which another thread or task does."""
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come to pass")
