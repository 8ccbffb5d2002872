"""One worker of the daemon: an event loop, and what the first process tells it."""

from __future__ import annotations

import asyncio
import grp
import itertools
import json
import logging
import os
import pwd
import signal
import socket
from collections.abc import Callable

from ualauth.config.config import Config
from ualauth.config.serve import ServeSettings
from ualauth.daemon.server import Daemon, Worker
from ualauth.errors import ConfigurationError, UalauthError

log = logging.getLogger("ualauth.serve")

_MOST_SOCKETS = 253
"""Descriptors that one message can carry (SCM_MAX_FD)."""


def run_worker(
    channel: socket.socket,
    worker: Worker,
    load: Callable[[], Config],
    watchdog_interval: float,
) -> int:
    """Serve until SIGTERM, or the end of the first process; return the status to exit with.

    `load` reads the configuration for each reload.
    """
    try:
        if worker.config is not None:
            drop_privileges(worker.config.serve)
        asyncio.run(_serve(channel, worker, load, watchdog_interval))
    except UalauthError as error:
        channel.send(json.dumps(["failed", str(error)]).encode())
        return 1
    except Exception as error:  # noqa: BLE001 - the first process is told
        log.error("a worker ended: raised %s", type(error).__name__)  # noqa: TRY400 - no secret
        return 1
    return 0


def drop_privileges(settings: ServeSettings) -> None:
    """Become the user of `[serve]`, for good.

    Raises:
        ConfigurationError: if there is no such user or group, or this process may not.

    """
    if not settings.user:
        return
    try:
        account = pwd.getpwnam(settings.user)
        gid = grp.getgrnam(settings.group).gr_gid if settings.group else account.pw_gid
    except KeyError:
        text = "[serve] this host has no such user or group"
        raise ConfigurationError(f"{text}: {settings.user}, {settings.group}") from None
    if os.geteuid() == account.pw_uid and os.getegid() == gid:
        return
    try:
        os.initgroups(account.pw_name, gid)
        os.setresgid(gid, gid, gid)
        os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    except PermissionError:
        text = f"[serve] only root can become {settings.user}; start it as root, or as that user"
        raise ConfigurationError(text) from None


async def _serve(
    channel: socket.socket,
    worker: Worker,
    load: Callable[[], Config],
    watchdog_interval: float,
) -> None:
    first = FirstProcess(channel)
    worker.reload = first.reload
    daemon = Daemon(load, worker=worker)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, daemon.request_stop)
    await daemon.start()
    first.start(daemon, worker)
    beat = loop.create_task(first.beat(watchdog_interval))
    first.send("ready")
    try:
        await daemon.wait_for_stop()
    finally:
        beat.cancel()
        first.stop()
        await daemon.stop()


class FirstProcess:
    """The first process, as a worker sees it."""

    def __init__(self, channel: socket.socket) -> None:
        """Begin with nothing heard."""
        self._channel = channel
        self._channel.setblocking(False)  # noqa: FBT003 - of the library
        self._tags = itertools.count(1)
        self._open: dict[int, asyncio.Future[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, daemon: Daemon, worker: Worker) -> None:
        """Do what it says from now on."""
        self._daemon, self._worker = daemon, worker
        asyncio.get_running_loop().add_reader(self._channel, self._read)

    def stop(self) -> None:
        """Hear nothing any more."""
        asyncio.get_running_loop().remove_reader(self._channel)

    def send(self, *message: str | int) -> None:
        """Tell it something."""
        try:
            self._channel.send(json.dumps(message).encode())
        except OSError:
            # It has ended, which is read.
            log.warning("the first process does not listen")

    async def beat(self, interval: float) -> None:
        """Say again and again that the event loop runs."""
        while interval:
            await asyncio.sleep(interval)
            self.send("alive")

    async def reload(self) -> str:
        """Have all workers read the configuration anew; return what is wrong with it."""
        tag = next(self._tags)
        answer = self._open[tag] = asyncio.get_running_loop().create_future()
        self.send("reload", tag)
        try:
            problem: str = await answer
            return problem
        finally:
            del self._open[tag]

    def _read(self) -> None:
        try:
            data, numbers, _, _ = socket.recv_fds(self._channel, 65_536, _MOST_SOCKETS)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, numbers = b"", []
        sockets = [socket.socket(fileno=number) for number in numbers]
        if not data:
            log.error("the first process has ended, and so does its worker")
            self.stop()
            self._daemon.request_stop()
            return
        match json.loads(data):
            case ["reload", int(number), list(places)]:
                self._worker.sockets |= dict(zip(places, sockets, strict=True))
                task = asyncio.get_running_loop().create_task(self._reload(number))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case ["answer", int(tag), str(problem)] if tag in self._open:
                self._open[tag].set_result(problem)

    async def _reload(self, number: int) -> None:
        problem = ""
        try:
            await self._daemon.reload()
        except UalauthError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - it goes on with what it has
            problem = f"raised {type(error).__name__}"
        self.send("reloaded", number, problem)
