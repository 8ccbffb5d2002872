"""The compiled services in use, each replaced whole when one of its files changes.

A login asks for a service and nearly always gets it from a dictionary; the
files behind it are looked at twice a second at most. A changed service that no
longer compiles, or has an error that the last one did not have, is reported
and not used: the last good one stays.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace

from ualauth.errors import ServiceFileError, UnknownService
from ualauth.stack.compile import compile_service
from ualauth.stack.dialect import Dialect
from ualauth.stack.files import ServiceFolder, Stamp, is_settled, stamps
from ualauth.stack.line import FindModule
from ualauth.stack.model import Problem, Service

log = logging.getLogger("ualauth.services")

CHECK_INTERVAL = 0.5
"""Seconds between two looks at the files: a change is in use within one second."""

_MOST_SERVICES = 1000
"""Compiled services that are kept."""
_SHOWN = 20
"""Problems of one service that are logged at once."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A service in use; unless `settled`, its files must be read again to know them."""

    service: Service
    stamps: tuple[Stamp, ...]
    settled: bool
    reported: tuple[Problem, ...]
    next_check: float


class Services:
    """Loads services from a folder."""

    def __init__(
        self,
        folder: ServiceFolder,
        find_module: FindModule,
        dialect: Dialect,
        interval: float = CHECK_INTERVAL,
    ) -> None:
        """Remember where to look; opens nothing."""
        self.folder = folder
        self._find_module = find_module
        self._dialect = dialect
        self._interval = interval
        self._loaded: dict[str, _Loaded] = {}
        self._lock = threading.Lock()

    def load(self, name: str) -> Service:
        """Return the compiled service, as its files are now.

        Raises:
            UnknownService: if there is neither such a service nor `other`.
            ServiceFileError: if its files cannot be used, and never could.

        """
        loaded = self._loaded.get(name)
        if loaded is None or time.monotonic() >= loaded.next_check:
            loaded = self._refresh(name)
        return loaded.service

    def is_fresh(self, name: str) -> bool:
        """Return whether `load` would return at once, without looking at files."""
        loaded = self._loaded.get(name)
        return loaded is not None and time.monotonic() < loaded.next_check

    def compile(self, name: str) -> Service:
        """Compile the service from its files now; what is in use is not touched."""
        return compile_service(name, self.folder, self._find_module, self._dialect)

    def _refresh(self, name: str) -> _Loaded:
        with self._lock:
            last = self._loaded.get(name)
            now = time.monotonic()
            if last is None:
                fresh = self._compile(name, None)
            elif now < last.next_check:
                return last
            elif last.settled and stamps(last.service.files) == last.stamps:
                fresh = last
            else:
                fresh = self._compile(name, last)
            if len(self._loaded) >= _MOST_SERVICES:
                # Only names that somebody makes up are so many: all of them are `other`.
                self._loaded.clear()
            self._loaded[name] = replace(fresh, next_check=now + self._interval)
            return self._loaded[name]

    def _compile(self, name: str, last: _Loaded | None) -> _Loaded:
        """Compile the service, and decide between it and the last one."""
        started = time.time_ns()
        if last is not None and _is_deleted(last):
            # Its file is gone: what was in use must go, too, whatever `other` is like.
            self._loaded.pop(name, None)
            last = None
        try:
            service = self.compile(name)
        except UnknownService:
            # The files are gone: what was in use must go, too.
            self._loaded.pop(name, None)
            raise
        except ServiceFileError as error:
            if last is None:
                raise
            return _kept(name, last, tuple(p for p in error.problems if isinstance(p, Problem)))
        if last is not None and _errors(service) - _errors(last.service):
            return _kept(name, last, service.problems)
        if last is None or service.problems != last.reported:
            _report(name, service.problems)
        taken = stamps(service.files)
        return _Loaded(service, taken, is_settled(taken, started), service.problems, 0)


def _is_deleted(last: _Loaded) -> bool:
    """Return whether the service's own file was there, and is no longer."""
    return last.stamps[0] is not None and stamps(last.service.files[:1]) == (None,)


def _errors(service: Service) -> Counter[str]:
    """Count the errors by their texts, since their lines may move."""
    return Counter(problem.text for problem in service.problems if not problem.warning)


def _kept(name: str, last: _Loaded, problems: tuple[Problem, ...]) -> _Loaded:
    """Keep the last good service, and look at the files anew at the next check."""
    if problems != last.reported:
        _report(name, problems)
        log.error("service %s: the changed files are not used, the last good ones stay", name)
    return replace(last, settled=False, reported=problems)


def _report(name: str, problems: tuple[Problem, ...]) -> None:
    for problem in problems[:_SHOWN]:
        level = logging.WARNING if problem.warning else logging.ERROR
        log.log(level, "service %s: %s", name, problem)
    if len(problems) > _SHOWN:
        log.error("service %s: %d more problems; run: ualauth check", name, len(problems) - _SHOWN)
