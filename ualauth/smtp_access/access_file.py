"""`smtpd.cfg` on disk: the rules in use, replaced whole when the file changes.

A file that has an error is reported and not used: the last good rules stay. So do
they while a file is being written, and where there is nothing in it any more.
Where there is no file, there are no rules.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ualauth.errors import AccessRulesError
from ualauth.smtp_access.parse import Parsed, parse
from ualauth.smtp_access.rules import NO_RULES, Rules
from ualauth.sources.files import Found, Missing, Text
from ualauth.sources.problem import Problem, Source
from ualauth.sources.watched import CHECK_INTERVAL, CLOCK, LOOK_AGAIN, Clock, wait_for
from ualauth.stack.folder import FollowedFolder, ServiceFolder
from ualauth.system.forks import new_lock

log = logging.getLogger("ualauth.smtp_access")

FILE_NAME = "smtpd.cfg"
_MAX_BYTES = 16 << 20
"""The largest file: some hundred thousand rules."""
_SHOWN = 20
"""Problems that are logged at once."""


class AccessFile:
    """The rules of a configuration folder."""

    def __init__(
        self, directory: Path, interval: float = CHECK_INTERVAL, clock: Clock = CLOCK
    ) -> None:
        """Remember where to look; opens nothing."""
        self.path = directory / FILE_NAME
        self._folder = ServiceFolder(directory, max_bytes=_MAX_BYTES)
        self._interval = interval
        self._clock = clock
        self._lock = new_lock()
        self._rules: Rules | None = None
        self._followed = FollowedFolder(self._folder, interval, clock)
        self._found: Found | None = None
        self._reported: tuple[Problem, ...] = ()
        self._next_check = 0.0

    def load(self) -> Rules:
        """Return the rules, as the file is now.

        Raises:
            AccessRulesError: if the file cannot be used, and never could.
            UnsteadyFile: if it is being written, and was never read before.

        """
        rules = self._rules
        return (
            rules if rules is not None and self.is_fresh() else wait_for(self._refresh, self._clock)
        )

    def is_fresh(self) -> bool:
        """Return whether `load` would return at once, without looking at the file."""
        return self._rules is not None and self._clock.monotonic() < self._next_check

    def check(self) -> Parsed:
        """Read the file now, and say what is wrong with it; what is in use is not touched."""
        return _parsed(self._folder.read(FILE_NAME))

    def _refresh(self) -> Rules:
        with self._lock:
            path = str(self.path)
            found = self._followed.current(path)
            if self._rules is None or found is not self._found:
                self._rules = self._taken(_parsed(found))
                self._found = found
            changing = self._followed.is_changing([path])
            interval = min(LOOK_AGAIN, self._interval) if changing else self._interval
            self._next_check = self._clock.monotonic() + interval
            return self._rules

    def _taken(self, parsed: Parsed) -> Rules:
        """Return what was read, or the last good rules."""
        if self._rules is None and not parsed.sound:
            raise AccessRulesError(parsed.problems)
        if parsed.problems != self._reported:
            _report(parsed.problems)
            if not parsed.sound:
                log.error("%s: the changed file is not used, the last good rules stay", self.path)
        self._reported = parsed.problems
        if self._rules is not None and not parsed.sound:
            return self._rules
        return parsed.rules


def _parsed(found: Found) -> Parsed:
    match found:
        case Missing():
            return Parsed(NO_RULES, ())
        case Text(path, text):
            return parse(path, text)
        case unusable:
            source = Source(unusable.path, 1, 1)
            return Parsed(NO_RULES, (Problem(source, unusable.reason, unusable.cure),))


def _report(problems: tuple[Problem, ...]) -> None:
    for problem in problems[:_SHOWN]:
        log.log(logging.WARNING if problem.warning else logging.ERROR, "%s", problem)
    if len(problems) > _SHOWN:
        more = len(problems) - _SHOWN
        log.error("%d more problems; run: ualauth smtp-access check", more)
