"""`smtpd.cfg` on disk: the rules in use, replaced whole when the file changes.

A file that has an error is reported and not used: the last good rules stay. So do
they while a file is being written, and where there is nothing in it any more.
Where there is no file, there are no rules.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ualauth.errors import AccessRulesError, UnusableFile
from ualauth.smtp_access.parse import Parsed, parse
from ualauth.smtp_access.rules import NO_RULES, Rules
from ualauth.sources.files import FileRules, Text
from ualauth.sources.following import Watched
from ualauth.sources.problem import Problem
from ualauth.sources.watched import CHECK_INTERVAL, CLOCK, Clock

log = logging.getLogger("ualauth.smtp_access")

FILE_NAME = "smtpd.cfg"
_FILE_RULES = FileRules(max_bytes=16 << 20, missing=())
"""Room for some hundred thousand rules."""


class AccessFile:
    """The rules of a configuration folder."""

    def __init__(
        self,
        directory: Path,
        interval: float = CHECK_INTERVAL,
        clock: Clock = CLOCK,
        *,
        name: str = FILE_NAME,
    ) -> None:
        """Remember where to look; opens nothing."""
        self.path = directory / name
        self._file = Watched(
            str(self.path.absolute()),
            _parsed,
            _FILE_RULES,
            home=str(directory),
            interval=interval,
            clock=clock,
            logger=log,
            consequence="the last good rules stay",
        )

    def load(self) -> Rules:
        """Return the rules, as the file is now.

        Raises:
            AccessRulesError: if the file cannot be used, and never could.
            UnsteadyFile: if it is being written, and was never read before.

        """
        try:
            rules = self._file.current()
        except UnusableFile as error:
            raise AccessRulesError(error.problems) from None
        return NO_RULES if rules is None else rules

    def is_fresh(self) -> bool:
        """Return whether `load` would return at once, without looking at the file."""
        return self._file.is_fresh

    def check(self) -> Parsed:
        """Read the file now, and say what is wrong with it; what is in use is not touched."""
        rules, problems = self._file.check()
        return Parsed(NO_RULES if rules is None else rules, problems)


def _parsed(file: Text) -> tuple[Rules, Sequence[Problem]]:
    parsed = parse(file.path, file.text)
    return parsed.rules, parsed.problems
