"""The process beside the first worker: when it is begun, and that it ends."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from pathlib import Path

import pytest

from tests.machine import patience
from tests.unit.sync.conftest import AGREEMENT, Synchronized
from ualauth.config.config import Config
from ualauth.daemon import synchronizing
from ualauth.daemon.synchronizing import Synchronizing, has_schedule
from ualauth.testing.userlist import Userlist

SECONDS = patience(30)
# It notes how it was called, and its number, and stays.
PROGRAM = """
import os, sys, time
with open(sys.argv[2] + "/begun", "a") as file:
    file.write(f"{os.getpid()} {' '.join(sys.argv[3:])}\\n")
time.sleep(3600)
"""


def scheduled(folder: Path, interval: int = 300) -> Config:
    """Return a configuration whose USERLIST has an agreement that is to be run by itself."""
    userlist = Userlist.create(folder)
    Synchronized(userlist.store, dataclasses.replace(AGREEMENT, interval=interval))
    userlist.close()
    return Config(folder)


@pytest.mark.parametrize(("interval", "has"), [(0, False), (300, True)])
def test_only_a_schedule_begins_it(tmp_path: Path, interval: int, *, has: bool) -> None:
    assert has_schedule(scheduled(tmp_path, interval)) is has


def test_without_a_userlist_there_is_none(tmp_path: Path) -> None:
    assert not has_schedule(Config(tmp_path))
    (tmp_path / "userlist.db").write_bytes(b"this is no database")
    assert not has_schedule(Config(tmp_path))


async def begun(folder: Path, count: int) -> list[str]:
    """Return the lines that processes wrote, once there are so many."""
    async with asyncio.timeout(SECONDS):
        while True:
            file = folder / "begun"
            lines = file.read_text().splitlines() if file.exists() else []
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


def test_it_runs_is_begun_again_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synchronizing, "_FIRST", 0.0)
    monkeypatch.setattr(synchronizing, "_LOOK", 0.01)
    config = scheduled(tmp_path)

    async def main() -> list[int]:
        process = Synchronizing((sys.executable, "-c", PROGRAM))
        process.start(lambda: config)
        (first,) = await begun(tmp_path, 1)
        assert first.partition(" ")[2] == "sync watch --with-parent"
        os.kill(int(first.split()[0]), 9)
        lines = await begun(tmp_path, 2)
        await process.stop()
        return [int(line.split()[0]) for line in lines]

    for number in asyncio.run(main()):
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_what_was_never_begun_ends_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        process = Synchronizing()
        await process.stop()
        process.start(lambda: Config(tmp_path))
        await process.stop()

    asyncio.run(main())
