"""The first process of the daemon: it opens the sockets, and keeps the workers running.

It talks to no client, runs no event loop and no thread, so that a worker can be forked at any
time. A worker that dies is replaced; what it was asked was a temporary failure for its clients,
whose connections end. SIGTERM ends all, and SIGHUP has the configuration read anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ualauth.config.config import Config
from ualauth.daemon.listener import Listener, Plan, open_listeners
from ualauth.daemon.server import Worker
from ualauth.daemon.siblings import Siblings, channels
from ualauth.daemon.sockets import allow_many_connections
from ualauth.daemon.systemd import Notifier, handed_over
from ualauth.daemon.worker import run_worker
from ualauth.errors import ConfigurationError, UalauthError
from ualauth.runtime.compute_queue import processors

log = logging.getLogger("ualauth.serve")

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_GRACE = 30.0
"""Seconds that workers have to end; those that do not are killed."""
_QUICK = 5.0
"""A worker that ends in fewer seconds than these is replaced later each time."""
_SILENT = 4
"""Intervals of the watchdog in which a worker has to be heard of."""


@dataclass(slots=True)
class _Process:
    """One worker."""

    number: int
    pid: int
    channel: socket.socket
    started: float
    heard: float
    is_ready: bool = False
    reloads: set[int] = field(default_factory=set)
    """The reloads that it has not answered yet."""


class Supervisor:
    """Serves the sockets of a configuration by several processes."""

    def __init__(
        self,
        load: Callable[[], Config],
        *,
        notifier: Notifier | None = None,
        inherited: list[socket.socket] | None = None,
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        """`load` reads the configuration; `ready` is called once clients are answered.

        `inherited` are sockets that were handed over; by default, those of systemd.
        """
        self._load = load
        self._ready = ready
        self._notifier = Notifier() if notifier is None else notifier
        self._inherited = handed_over() if inherited is None else inherited
        self._listeners: dict[str, Listener] = {}
        self._processes: dict[int, _Process] = {}
        """By their numbers."""
        self._due: dict[int, float] = {}
        """When the ones that are missing are to be started, by their numbers."""
        self._quick: dict[int, int] = {}
        """How often in a row each one ended soon."""
        self._waiting: dict[int, list[tuple[_Process, int]]] = {}
        """Who waits for the end of a reload, by its number."""
        self._problems: list[str] = []
        self._reload_number = 0
        self._is_ready = False
        self._stop_until = 0.0
        """When workers are killed; 0 as long as none is to end."""
        self._next_watchdog = 0.0
        self._failure = ""
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            ConfigurationError: if it cannot start.

        """
        config = self._load()
        if not config.listen:
            raise ConfigurationError(
                f"{config.directory}/ualauth.toml names no socket; add a table [[listen]]"
            )
        self._config = config
        allow_many_connections()
        plans = _plans(config)
        self._number = os.getpid()
        self._listeners = open_listeners(plans, {}, self._inherited, self._number)
        for unused in self._inherited:
            log.warning("a socket that was handed over is named by no [[listen]]: %s", unused)
        self._channels = channels(config.serve.workers or processors())
        before = {number: signal.signal(number, _noted) for number in _SIGNALS}
        self._wake, waking = socket.socketpair()
        self._wake.setblocking(False)  # noqa: FBT003 - of the library
        waking.setblocking(False)  # noqa: FBT003 - likewise
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        try:
            for number in range(len(self._channels)):
                self._start(number)
            while self._processes or not self._stop_until:
                self._look()
        finally:
            for process in self._processes.values():
                os.kill(process.pid, signal.SIGKILL)
                os.waitpid(process.pid, 0)
            signal.set_wakeup_fd(-1)
            for signal_number, handler in before.items():
                signal.signal(signal_number, handler)
            self._close_sockets()
            self._selector.close()
            for end in (self._wake, waking, *(each for pair in self._channels for each in pair)):
                end.close()
        if self._failure:
            raise ConfigurationError(self._failure)

    # Workers

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # What is buffered would be written twice.
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal for the new process waits until that heeds it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.set_wakeup_fd(-1)
                for each_signal in _SIGNALS:
                    signal.signal(each_signal, signal.SIG_DFL)
                # The terminal tells the first process, too, and that tells its workers.
                for each_signal in (signal.SIGINT, signal.SIGHUP):
                    signal.signal(each_signal, signal.SIG_IGN)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
                self._selector.close()
                for each in (ours, self._wake, *(p.channel for p in self._processes.values())):
                    each.close()
                worker = Worker(
                    Siblings(number, self._channels),
                    self._number,
                    {place: each.socket for place, each in self._listeners.items()},
                    self._config,
                )
                interval = self._notifier.watchdog_interval
                code = run_worker(theirs, worker, self._load, interval)
            finally:
                # Nothing of what the first process has to do at its end.
                logging.shutdown()
                os._exit(code)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        ours.setblocking(False)  # noqa: FBT003 - of the library
        now = time.monotonic()
        self._processes[number] = _Process(number, pid, ours, now, now)
        self._selector.register(ours, selectors.EVENT_READ, number)

    def _reap(self) -> None:
        for number, process in list(self._processes.items()):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if not pid:
                continue
            # It may have said something before.
            self._hear(process)
            del self._processes[number]
            self._ignore(process)
            process.channel.close()
            for reload in process.reloads:
                self._reloaded(reload)
            if self._stop_until:
                continue
            self._replace(process, os.waitstatus_to_exitcode(status))

    def _replace(self, process: _Process, code: int) -> None:
        if not self._is_ready and not process.is_ready:
            self._failure = self._failure or "a worker ended before it was ready: see the log"
            self._stop()
            return
        number, now = process.number, time.monotonic()
        is_quick = now - process.started < _QUICK
        self._quick[number] = self._quick.get(number, 0) + 1 if is_quick else 0
        delay = min(_QUICK, 0.1 * 2 ** self._quick[number]) if self._quick[number] > 1 else 0.0
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        log.error("worker %d ended %s; another one takes its place", number, how)
        self._due[number] = now + delay

    # What happens

    def _look(self) -> None:
        """Wait until something happens, and see to it."""
        for key, _ in self._selector.select(self._seconds()):
            if key.data is None:
                self._see_signals()
            elif key.data in self._processes:
                self._hear(self._processes[key.data])
        now = time.monotonic()
        if self._stop_until:
            if now >= self._stop_until:
                for process in self._processes.values():
                    os.kill(process.pid, signal.SIGKILL)
                self._stop_until = now + _GRACE
            return
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            self._start(number)
        self._watch(now)

    def _watch(self, now: float) -> None:
        """Tell systemd that it goes on, and end workers that hang."""
        interval = self._notifier.watchdog_interval
        if interval and now >= self._next_watchdog:
            self._next_watchdog = now + interval
            self._notifier.watchdog()
            for process in self._processes.values():
                if now - process.heard > _SILENT * interval:
                    log.error("worker %d does nothing any more and is killed", process.number)
                    os.kill(process.pid, signal.SIGKILL)
                    process.heard = now

    def _seconds(self) -> float | None:
        moments = [self._stop_until] if self._stop_until else list(self._due.values())
        seconds = [max(0.0, moment - time.monotonic()) for moment in moments]
        if self._notifier.watchdog_interval:
            seconds.append(max(0.0, self._next_watchdog - time.monotonic()))
        return min(seconds) if seconds else None

    def _see_signals(self) -> None:
        numbers = set()
        with contextlib.suppress(BlockingIOError):
            numbers = set(self._wake.recv(4096))
        if numbers & {signal.SIGTERM, signal.SIGINT}:
            self._stop()
        if signal.SIGHUP in numbers and not self._stop_until:
            self._reload()
        # Signals of one kind are one while they wait; so each is looked at.
        self._reap()

    def _hear(self, process: _Process) -> None:
        while True:
            try:
                data = process.channel.recv(65_536)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            if not data:
                # It ends, which a signal tells.
                self._ignore(process)
                return
            process.heard = time.monotonic()
            self._take(process, json.loads(data))

    def _take(self, process: _Process, message: list[Any]) -> None:
        match message:
            case ["ready"]:
                process.is_ready = True
                if not self._is_ready and all(p.is_ready for p in self._processes.values()):
                    self._is_ready = True
                    self._notifier.ready()
                    self._ready()
            case ["failed", text]:
                self._failure = self._failure or str(text)
            case ["reloaded", int(number), str(problem)]:
                if problem:
                    self._problems.append(problem)
                process.reloads.discard(number)
                self._reloaded(number)
            case ["reload", int(tag)]:
                self._reload((process, tag))

    def _ignore(self, process: _Process) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.channel)

    # Reload and stop

    def _reload(self, asker: tuple[_Process, int] | None = None) -> None:
        self._notifier.reloading()
        self._reload_number += 1
        number = self._reload_number
        self._waiting[number] = [asker] if asker else []
        self._problems = []
        try:
            config = self._load()
            plans = _plans(config)
            opened = open_listeners(plans, self._listeners, self._inherited, self._number)
        except Exception as error:  # noqa: BLE001 - it goes on with what it has
            known = isinstance(error, UalauthError)
            self._problems.append(str(error) if known else f"raised {type(error).__name__}")
            self._reloaded(number)
            return
        places = [listen.place for listen in config.listen]
        removed = [self._listeners.pop(place) for place in self._listeners.keys() - set(places)]
        for plan in plans:
            if plan.listen.place in self._listeners:
                self._listeners[plan.listen.place].plan = plan
        self._listeners |= opened
        self._config = config
        message = json.dumps(["reload", number, list(opened)]).encode()
        for process in self._processes.values():
            process.reloads.add(number)
            try:
                socket.send_fds(
                    process.channel, [message], [each.socket.fileno() for each in opened.values()]
                )
            except OSError:
                # It has ended, or hangs: who takes its place reads the new one.
                process.reloads.discard(number)
                os.kill(process.pid, signal.SIGKILL)
        for listener in removed:
            listener.close()
        self._reloaded(number)

    def _reloaded(self, number: int) -> None:
        """See whether a reload is over, and tell it."""
        if number not in self._waiting or any(
            number in process.reloads for process in self._processes.values()
        ):
            return
        problem = "\n".join(dict.fromkeys(self._problems))
        if problem:
            log.error("the configuration is not used, and the one before stays: %s", problem)
        else:
            log.info("the configuration was read anew")
        self._notifier.ready()
        for process, tag in self._waiting.pop(number):
            with contextlib.suppress(OSError):
                process.channel.send(json.dumps(["answer", tag, problem]).encode())

    def _stop(self) -> None:
        if self._stop_until:
            return
        self._notifier.stopping()
        self._stop_until = time.monotonic() + _GRACE
        self._due.clear()
        self._close_sockets()
        for process in self._processes.values():
            os.kill(process.pid, signal.SIGTERM)

    def _close_sockets(self) -> None:
        for listener in self._listeners.values():
            listener.close()
        self._listeners = {}


def _plans(config: Config) -> list[Plan]:
    if not config.listen:
        raise ConfigurationError("there is no table [[listen]] any more")
    home = str(config.directory)
    return [Plan(listen, home) for listen in config.listen]


def _noted(_number: int, _frame: object) -> None:
    """Do nothing: the number of the signal is read from a socket."""
