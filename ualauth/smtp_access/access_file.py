"""`smtpd.cfg` on disk: the rules in use, replaced whole when the file changes.

A file that has an error is reported and not used: the last good rules stay.
Where there is no file, there are no rules.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from ualauth.errors import AccessRulesError
from ualauth.smtp_access.parse import Parsed, parse
from ualauth.smtp_access.rules import NO_RULES, Rules
from ualauth.stack.files import Missing, ServiceFolder, Stamp, Text, is_settled, stamps
from ualauth.stack.model import Problem, Source

log = logging.getLogger("ualauth.smtp_access")

FILE_NAME = "smtpd.cfg"
CHECK_INTERVAL = 0.5
"""Seconds between two looks at the file: a change is in use within one second."""
_MAX_BYTES = 16 << 20
"""The largest file: some hundred thousand rules."""
_SHOWN = 20
"""Problems that are logged at once."""


class AccessFile:
    """The rules of a configuration folder."""

    def __init__(self, directory: Path, interval: float = CHECK_INTERVAL) -> None:
        """Remember where to look; opens nothing."""
        self.path = directory / FILE_NAME
        self._folder = ServiceFolder(directory, max_bytes=_MAX_BYTES)
        self._interval = interval
        self._lock = threading.Lock()
        self._rules: Rules | None = None
        self._stamps: tuple[Stamp, ...] = ()
        self._settled = False
        self._reported: tuple[Problem, ...] = ()
        self._next_check = 0.0

    def load(self) -> Rules:
        """Return the rules, as the file is now.

        Raises:
            AccessRulesError: if the file cannot be used, and never could.

        """
        rules = self._rules
        return rules if rules is not None and self.is_fresh() else self._refresh()

    def is_fresh(self) -> bool:
        """Return whether `load` would return at once, without looking at the file."""
        return self._rules is not None and time.monotonic() < self._next_check

    def check(self) -> Parsed:
        """Read the file now, and say what is wrong with it; what is in use is not touched."""
        match self._folder.read(FILE_NAME):
            case Missing():
                return Parsed(NO_RULES, ())
            case Text(path, text):
                return parse(path, text)
            case unusable:
                source = Source(unusable.path, 1, 1)
                return Parsed(NO_RULES, (Problem(source, unusable.reason, unusable.cure),))

    def _refresh(self) -> Rules:
        with self._lock:
            taken, started = stamps((str(self.path),)), time.time_ns()
            if self._rules is None or not self._settled or taken != self._stamps:
                self._rules = self._read()
                self._stamps, self._settled = taken, is_settled(taken, started)
            self._next_check = time.monotonic() + self._interval
            return self._rules

    def _read(self) -> Rules:
        parsed = self.check()
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


def _report(problems: tuple[Problem, ...]) -> None:
    for problem in problems[:_SHOWN]:
        log.log(logging.WARNING if problem.warning else logging.ERROR, "%s", problem)
    if len(problems) > _SHOWN:
        more = len(problems) - _SHOWN
        log.error("%d more problems; run: ualauth smtp-access check", more)
