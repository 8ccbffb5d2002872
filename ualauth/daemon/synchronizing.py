"""`ualauth sync watch` beside the first worker, as long as any agreement has a schedule.

It is a process of its own: a large run would make logins wait that share an interpreter with it.
It ends with the worker, and what takes the worker's place begins another one. Which of several
hosts runs an agreement is decided by its lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable

from ualauth.config.config import Config
from ualauth.errors import UalauthError
from ualauth.runtime.base import BaseAuthenticator
from ualauth.userlist.store import UserStore

log = logging.getLogger("ualauth.serve")

_LOOK = 60.0
"""Seconds after which it is looked again whether there is a schedule, or the process is begun."""
_FIRST = 5.0
"""Seconds until the first look: clients come first."""
_GRACE = 5.0
"""Seconds that it has to end: a run that is cut off is finished by the next one."""
_PROGRAM = (sys.executable, "-c", "from ualauth.cli import main; main()")


class Synchronizing:
    """Keeps the process running."""

    def __init__(self, program: tuple[str, ...] = _PROGRAM) -> None:
        """Begin nothing; `program` is what stands before the arguments of `ualauth`."""
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, config: Callable[[], Config]) -> None:
        """Begin; `config` returns what is in effect."""
        self._task = asyncio.get_running_loop().create_task(self._run(config))

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_GRACE):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _run(self, config: Callable[[], Config]) -> None:
        await asyncio.sleep(_FIRST)
        while True:
            current = config()
            if await asyncio.to_thread(has_schedule, current):
                arguments = ("--config-dir", str(current.directory), "sync", "watch")
                try:
                    self._process = await asyncio.create_subprocess_exec(
                        *self._program,
                        *arguments,
                        "--with-parent",
                        stdin=asyncio.subprocess.DEVNULL,
                    )
                except OSError as error:
                    log.error("directories are not followed: %s", error.strerror)  # noqa: TRY400
                else:
                    status = await self._process.wait()
                    log.log(
                        logging.ERROR if status else logging.INFO,
                        "ualauth sync watch ended with status %d",
                        status,
                    )
            await asyncio.sleep(_LOOK)


def has_schedule(config: Config) -> bool:
    """Return whether any agreement of a USERLIST is to be run by itself; blocks."""
    if not config.has_userlist:
        return False
    base = BaseAuthenticator(config)
    try:
        settings = base.resource(UserStore).synchronization_settings()
    except UalauthError as error:
        # The first login says it louder.
        log.info("agreements cannot be read: %s", error)
        return False
    finally:
        base.close()
    return any(json.loads(each).get("interval") for each in settings)
