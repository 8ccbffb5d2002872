"""The compiled services in use, each replaced whole when one of its files changes.

A login asks for a service and nearly always gets it from a dictionary; the
files behind it are looked at twice a second at most. A file that is just being
written is not used, see `ualauth.sources.watched`. A changed service that no
longer compiles, or has an error that the last one did not have, is reported
and not used: the last good one stays.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from ualauth.errors import ServiceFileError, UnknownService, UnsteadyFile
from ualauth.sources.files import Found, Missing
from ualauth.sources.problem import Problem
from ualauth.sources.watched import CHECK_INTERVAL, CLOCK, LOOK_AGAIN, Clock, wait_for
from ualauth.stack.compile import compile_service
from ualauth.stack.dialect import Dialect
from ualauth.stack.folder import FollowedFolder, ServiceFolder, Snapshot
from ualauth.stack.line import FindModule, Observe
from ualauth.stack.model import Service
from ualauth.system.forks import new_lock
from ualauth.text.dataclass import dataclass

log = logging.getLogger("ualauth.services")

_MOST_SERVICES = 1000
"""Compiled services that are kept."""
_SHOWN = 20
"""Problems of one service that are logged at once."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A service in use, compiled from `files`; unless `is_current`, they say something else now."""

    service: Service
    files: Mapping[str, Found]
    reported: tuple[Problem, ...]
    is_current: bool = True
    next_check: float = 0.0


class Services:
    """Loads services from a folder."""

    waits = True
    """Whether `load` waits for a file that is being written, and was never read before."""

    def __init__(  # noqa: PLR0913 - names of their own
        self,
        folder: ServiceFolder,
        find_module: FindModule,
        dialect: Dialect,
        interval: float = CHECK_INTERVAL,
        *,
        clock: Clock = CLOCK,
        takes_passwords: Callable[[str], bool] = lambda _: True,
        observe: Observe | None = None,
    ) -> None:
        """Remember where to look; opens nothing.

        `takes_passwords` knows a service's name; `observe` is as in `compile_service`.
        """
        self.folder = folder
        self._followed = FollowedFolder(folder, interval, clock)
        self._find_module = find_module
        self._dialect = dialect
        self._interval = interval
        self._clock = clock
        self._monotonic = clock.monotonic
        self._takes_passwords = takes_passwords
        self._observe = observe
        self._loaded: dict[str, _Loaded] = {}
        self._lock = new_lock()

    def load(self, name: str, *, wait: bool = False) -> Service:
        """Return the compiled service, as its files are now.

        It may wait a second: with `wait`, or where all do (`waits`).

        Raises:
            UnknownService: if there is neither such a service nor `other`.
            ServiceFileError: if its files cannot be used, and never could.
            UnsteadyFile: if a file is being written, and was never read before.

        """
        loaded, monotonic = self._loaded.get(name), self._monotonic
        if loaded is None or monotonic() >= loaded.next_check:
            if wait or self.waits:
                loaded = wait_for(partial(self._refresh, name), self._clock)
            else:
                loaded = self._refresh(name)
        return loaded.service

    def is_fresh(self, name: str) -> bool:
        """Return whether `load` would return at once, without looking at files."""
        loaded = self._loaded.get(name)
        return loaded is not None and self._monotonic() < loaded.next_check

    def is_due_soon(self, name: str) -> bool:
        """Return whether the files of a loaded service are to be looked at before long."""
        loaded = self._loaded.get(name)
        soon = self._monotonic() + self._interval / 2
        return loaded is not None and loaded.next_check < soon

    def look_ahead(self, name: str) -> None:
        """Look at the files of a service although that is not due yet; raises as `load` does."""
        self._refresh(name, ahead=True)

    def compile(self, name: str) -> Service:
        """Compile the service from its files now; what is in use is not touched.

        It may wait a second for a module that is being written.
        """
        return wait_for(lambda: self._compile(name, self.folder), self._clock)

    def _compile(self, name: str, folder: ServiceFolder) -> Service:
        service = compile_service(name, folder, self._find_module, self._dialect, self._observe)
        takes = self._takes_passwords(service.name)
        return service if takes else replace(service, takes_passwords=False)

    def _refresh(self, name: str, *, ahead: bool = False) -> _Loaded:
        with self._lock:
            last = self._loaded.get(name)
            now = self._monotonic()
            if last is not None and now < last.next_check and not ahead:
                return last
            fresh = last if last is not None and self._is_current(last) else self._anew(name, last)
            changing = self._followed.is_changing(fresh.files)
            interval = min(LOOK_AGAIN, self._interval) if changing else self._interval
            if len(self._loaded) >= _MOST_SERVICES:
                # Only names that a client makes up are so many: all of them are `other`.
                self._loaded.clear()
            self._loaded[name] = replace(fresh, next_check=now + interval)
            return self._loaded[name]

    def _is_current(self, last: _Loaded) -> bool:
        """Return whether its files say what they said when it was compiled; looks at them all."""
        same = [self._followed.current(path) is content for path, content in last.files.items()]
        return last.is_current and all(same)

    def _anew(self, name: str, last: _Loaded | None) -> _Loaded:
        """Compile the service, and decide between it and the last one."""
        if last is not None and self._is_deleted(last):
            # Its file is gone: what was in use must go, too, whatever `other` is like.
            self._loaded.pop(name, None)
            last = None
        files = Snapshot(self._followed)
        try:
            service = self._compile(name, files)
        except UnknownService:
            # The files are gone: what was in use must go, too.
            self._loaded.pop(name, None)
            raise
        except ServiceFileError as error:
            if last is None:
                raise
            return _keep(name, last, tuple(p for p in error.problems if isinstance(p, Problem)))
        except UnsteadyFile:
            if last is None:
                raise
            return replace(last, is_current=False)
        if last is not None and _errors(service) - _errors(last.service):
            return _keep(name, last, service.problems)
        if last is None or service.problems != last.reported:
            _report(name, service.problems)
        return _Loaded(service, files.contents, service.problems)

    def _is_deleted(self, last: _Loaded) -> bool:
        """Return whether the service's own file was there, and is no longer."""
        own = last.service.files[0]
        now = self._followed.current(own)
        return isinstance(now, Missing) and not isinstance(last.files[own], Missing)


def _errors(service: Service) -> Counter[str]:
    """Count the errors by their texts, since their lines may move."""
    return Counter(problem.text for problem in service.problems if not problem.warning)


def _keep(name: str, last: _Loaded, problems: tuple[Problem, ...]) -> _Loaded:
    """Keep the last good service, and look at the files anew at the next check."""
    if problems != last.reported:
        _report(name, problems)
        log.error("service %s: the changed files are not used, the last good ones stay", name)
    return replace(last, is_current=False, reported=problems)


def _report(name: str, problems: tuple[Problem, ...]) -> None:
    for problem in problems[:_SHOWN]:
        level = logging.WARNING if problem.warning else logging.ERROR
        log.log(level, "service %s: %s", name, problem)
    if len(problems) > _SHOWN:
        log.error("service %s: %d more problems; run: ualauth check", name, len(problems) - _SHOWN)
