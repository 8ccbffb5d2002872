"""A file of the administrator as a value: read safely, watched, the last good one kept.

Every file that a login follows is one of these, or is read by a service that is compiled
anew when it changes (`ualauth.stack.folder`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from ualauth.errors import UnusableFile
from ualauth.sources.files import FileRules, Found, Missing, Text, Unusable, is_unusable
from ualauth.sources.opening import look
from ualauth.sources.page import Page, Token
from ualauth.sources.problem import Problem, Source
from ualauth.sources.watched import (
    CHECK_INTERVAL,
    CLOCK,
    LOOK_AGAIN,
    Clock,
    Stamp,
    SteadyFile,
    stamp_at,
    wait_for,
)

log = logging.getLogger("ualauth.files")

T = TypeVar("T")

Parse = Callable[[Text], tuple[T, Sequence[Problem]]]
"""What a file says, and what is wrong with it. With any problem but a warning, it is not used."""

RULES = FileRules()
_SLACK = 0.005
"""Seconds less, so that moments that are rounded down make no second with one look only."""
_SHOWN = 20
"""Problems of one file that are logged at once."""


class _State(NamedTuple, Generic[T]):
    """What was found at the last look, and what is in use since."""

    file: Found
    value: T | None
    problems: tuple[Problem, ...] = ()
    """What is wrong with the file as it was left, whether it is in use or not."""
    never: bool = False
    """Whether nothing is in use, since the file never could be used."""
    is_kept: bool = False
    """Whether the file cannot be used, and what it said last is in use."""


class Watched(Generic[T]):
    """One file of the administrator; for one thread or many.

    What it says is used once the file was left alone (`ualauth.sources.watched`). A file that
    cannot be used, or has an error, or nothing in it any more, is told of, and what it said
    last stays. A deleted one counts: it says nothing.

    `parse` must be a function of a module, or compare equal to itself when it is made anew.
    `home` is the configuration folder, whose owner may own the file, too.
    """

    def __init__(  # noqa: PLR0913 - names of their own
        self,
        path: str,
        parse: Parse[T],
        rules: FileRules = RULES,
        *,
        home: str = "",
        interval: float = CHECK_INTERVAL,
        clock: Clock = CLOCK,
        logger: logging.Logger = log,
        consequence: str = "the last good one stays",
    ) -> None:
        """Remember how to read it; opens nothing.

        `consequence` is what the log says of a wrong change.
        """
        self.path = path
        self.parse = parse
        self.rules = rules
        self.home = home
        self._interval = interval
        self._clock = clock
        self._log = logger
        self._consequence = consequence
        self._file: SteadyFile[Found] = SteadyFile(
            path,
            self._read,
            is_blank=rules.is_blank,
            depends_on_more=is_unusable,
            interval=interval,
            clock=clock,
        )
        # Replaced whole, so that no lock is needed, and a forked child has none that is held.
        self._state: _State[T] | None = None
        self._next_look = float("-inf")

    @property
    def key(self) -> Hashable:
        """What is equal for two that read the same file in the same way."""
        return self.path, self.parse, self.rules, self.home

    @property
    def is_fresh(self) -> bool:
        """Whether `current` would return at once, without looking at the file."""
        return self._clock.monotonic() < self._next_look

    @property
    def is_emptied(self) -> bool:
        """Whether the file was left with nothing in it, and is in use as it was before."""
        return self._file.is_emptied

    @property
    def is_missing(self) -> bool:
        """Whether there was no file at the last look."""
        return self._state is not None and isinstance(self._state.file, Missing)

    @property
    def value(self) -> T | None:
        """What is in use, without a look; `None` before the first one, too."""
        return None if self._state is None else self._state.value

    def current(self) -> T | None:
        """Return what the file says, `None` if there is none; looks at it twice a second at most.

        It may block. It is the same object until the file changes.

        Raises:
            UnusableFile: if it cannot be used, and never could.
            UnsteadyFile: if it is being written, and was never read before.

        """
        state = self._state
        if state is None or self._clock.monotonic() >= self._next_look:
            state = wait_for(self._look, self._clock)
        if state.never:
            raise UnusableFile(state.problems, unsafe=getattr(state.file, "unsafe", False))
        return state.value

    def unchanged(self) -> Callable[[], bool]:
        """Return what says, at once, whether the file is known to be as it is in use now.

        It says so until the next look is due, and again after one that has found no change.
        """
        state, is_emptied = self._state, self._file.is_emptied

        def is_unchanged() -> bool:
            return (
                self._state is state
                and self._file.is_emptied is is_emptied
                and self._clock.monotonic() < self._next_look
            )

        return is_unchanged

    def begin(self) -> Sequence[Problem]:
        """Return why it cannot be used, or what to warn of, instead of raising or logging it.

        Raises:
            UnsteadyFile: if it is being written, and was never read before.

        """
        state = self._state or self._look(tell=False)
        # A change that is not used was logged when it was found.
        return () if state.is_kept else state.problems

    def read_now(self) -> Sequence[Problem]:
        """Take the file as it is now, and return what is wrong with it: for a look at it only."""
        return self._take(self._read(self.path)[1], tell=False).problems

    def check(self) -> tuple[T | None, tuple[Problem, ...]]:
        """Read the file as it is now; what is in use is not touched."""
        return self._parsed(self._read(self.path)[1])

    def _read(self, path: str) -> tuple[Stamp, Found]:
        return look(path, self.rules, self.home)

    def _look(self, *, tell: bool = True) -> _State[T]:
        """Look at the file; meanwhile, other threads go on with what is in use."""
        state = self._state
        if state is not None:
            self._next_look = self._clock.monotonic() + self._interval
        file = self._file.current(stamp_at(self.path))
        if state is None or file is not state.file:
            state = self._take(file, tell=tell)
        again = min(LOOK_AGAIN, self._interval) if self._file.is_changing else self._interval
        self._next_look = self._clock.monotonic() + again - _SLACK
        return state

    def _take(self, file: Found, *, tell: bool) -> _State[T]:
        """Use what was found, if it can be used."""
        value, problems = self._parsed(file)
        last = self._state
        wrong = not all(problem.warning for problem in problems)
        if not wrong or isinstance(file, Missing):
            state = _State(file, value, problems)
        elif last is None or last.never:
            state = _State(file, None, problems, never=True)
        else:
            state = _State(file, last.value, problems, is_kept=True)
        self._state = state
        if tell and problems != (last.problems if last else ()):
            self._tell(problems)
            if state.is_kept:
                self._log.error(
                    "%s: the changed file is not used, %s", self.path, self._consequence
                )
        return state

    def _parsed(self, file: Found) -> tuple[T | None, tuple[Problem, ...]]:
        around = problems_of(file, self.rules)
        if not isinstance(file, Text) or not all(problem.warning for problem in around):
            return None, around
        try:
            value, problems = self.parse(file)
        except Exception as error:  # noqa: BLE001 - a module's bug
            # Not the text of the exception: it may repeat a secret of the file.
            text = f"the file cannot be read because of a bug: {type(error).__name__}"
            cure = f"tell the author of {self.parse.__module__}"
            return None, (Problem(Source(file.path, 1, 1), text, cure),)
        return value, (*problems, *around)

    def _tell(self, problems: Sequence[Problem]) -> None:
        for problem in problems[:_SHOWN]:
            level = logging.WARNING if problem.warning else logging.ERROR
            self._log.log(level, "%s", problem)
        if len(problems) > _SHOWN:
            more = len(problems) - _SHOWN
            self._log.error("%s: %d more problems; run: ualauth check", self.path, more)


def problems_of(file: Found, rules: FileRules) -> tuple[Problem, ...]:
    """Return what is wrong with a file, whatever it says."""
    at = Source(file.path, 1, 1)
    match file:
        case Missing():
            text, cure = "there is no such file", "write it, or correct the path"
            return (Problem(at, text, cure),) if rules.missing is None else rules.missing
        case Unusable():
            return (Problem(at, f"the file {file.reason}", file.cure),)
    if rules.utf8 and not file.text.isascii():
        for number, line in enumerate(file.text.split("\n"), 1):
            if any("\udc80" <= char <= "\udcff" for char in line):
                told = problem_at(file, number, "this is not UTF-8", "write it as UTF-8")
                return (replace(told, shown="") if rules.secret else told,)
    if rules.secret and file.public:
        text = "every user of this host can read the secret in it"
        return (Problem(at, text, "run: chmod o-r on it", warning=True),)
    return ()


def read_secret(file: Text) -> tuple[str, Sequence[Problem]]:
    """Read a file with one secret and nothing else; no problem shows it."""
    secret = file.text.strip()
    if secret and secret.isprintable():
        return secret, ()
    text, cure = "there is no secret in it, or more than one line", "write the secret alone"
    return "", (Problem(Source(file.path, 1, 1), text, cure),)


def problem_at(file: Text, line: int, text: str, cure: str, *, warning: bool = False) -> Problem:
    """Return a problem with a whole line of a file, which counts from 1."""
    page = Page.of_lines(file.path, file.lines)
    shown = file.lines[line - 1]
    word = shown.strip()
    token = Token(word, line, 1 + len(shown) - len(shown.lstrip()))
    return page.problem(token, text, cure, warning=warning)
