"""A scanner program, which is run for each message and says by its exit status what it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from pathlib import Path
from weakref import WeakKeyDictionary

from ualauth.virus.settings import FILE, ScannerSettings

_SLOTS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], asyncio.Semaphore]] = (
    WeakKeyDictionary()
)
"""For each command, how many of it may run at once; a semaphore is of one event loop."""
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


async def run_program(settings: ScannerSettings, content: bytes) -> int:
    """Return the exit status of the program; below 0 is the signal that ended it.

    There is no shell. What it prints is not read. No more than `at_once` run at a time: others
    wait. If the caller gives up, the program and what it has started are killed.

    Raises:
        OSError: if it cannot be run.

    """
    slots = _SLOTS.setdefault(asyncio.get_running_loop(), {})
    slot = slots.setdefault(settings.command, asyncio.Semaphore(settings.at_once))
    async with slot:
        return await _run(settings, content)


async def _run(settings: ScannerSettings, content: bytes) -> int:
    folder = await asyncio.to_thread(_folder_with, content)
    try:
        path = str(Path(folder.name) / "message")
        words = [settings.command[0], *(w.replace(FILE, path) for w in settings.command[1:])]
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder.name,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                # It is waited for, or it would stay as a zombie.
                await asyncio.shield(process.wait())
    finally:
        await asyncio.to_thread(folder.cleanup)


def _folder_with(content: bytes) -> tempfile.TemporaryDirectory[str]:
    """Write the message to a file of a folder that only this user may look into."""
    folder = tempfile.TemporaryDirectory(prefix="ualauth-scan-", ignore_cleanup_errors=True)
    try:
        (Path(folder.name) / "message").write_bytes(content)
    except BaseException:
        folder.cleanup()
        raise
    return folder
