"""A change of password that is cancelled while it is hashed is not written later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.om_auth.gated import HERE, PASSWORD, GatedHasher
from tests.unit.om_auth.test_guesses import Place

NEW = "another pencil 42"


class StoppingHasher(GatedHasher):
    """A hasher that stops before it hashes the new password."""

    def __init__(self) -> None:
        super().__init__()
        self.hashing, self.go = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    def hash(self, password: str) -> str:
        if password == NEW:
            self.thread = threading.current_thread()
            self.hashing.set()
            assert self.go.wait(60)
        return super().hash(password)


@pytest.fixture
def stopping(tmp_path: Path) -> Iterator[tuple[Place, StoppingHasher]]:
    place = Place(tmp_path)
    place.folder.service("pop3", "password required om_auth\n")
    place.hasher = hasher = StoppingHasher()
    yield place, hasher
    hasher.go.set()
    place.userlist.close()


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_change_that_is_cancelled_while_it_is_hashed_is_not_written(
    stopping: tuple[Place, StoppingHasher], *, cancelled: bool
) -> None:
    place, hasher = stopping

    async def run() -> None:
        async with place.authenticator() as auth:
            change = auth.change_password("pop3", "jsmith", PASSWORD, NEW, rhost=HERE)
            task = asyncio.create_task(change)
            assert await asyncio.to_thread(hasher.hashing.wait, 60)
            if cancelled:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            hasher.go.set()
            if not cancelled:
                await task

    asyncio.run(run())
    # The thread has done all that it had to do.
    assert hasher.thread is not None
    hasher.thread.join(60)
    assert not hasher.thread.is_alive()
    stored = place.userlist.store.get("jsmith").password
    assert stored is not None
    assert hasher.verify(PASSWORD if cancelled else NEW, stored)
