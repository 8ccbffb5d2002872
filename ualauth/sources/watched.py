"""A file as it was left, not as it is just being written.

Editors, `cp`, `scp` and the shell's `>` write in place: they empty a file, then fill it. Half a
file often has no mistake, and lets in whom the whole one refuses. So what a look finds is used
only once it is *steady*: two looks have found the same, and the file has been left alone for a
while. Until then the last good content stays.

A look tells changes by the time of the last change of status, which cannot be set back. Where
that says nothing, as with a clock that was moved, the looks themselves have to be far enough apart.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from ualauth.errors import UnsteadyFile

log = logging.getLogger("ualauth.files")

T = TypeVar("T")

CHECK_INTERVAL = 0.5
"""Seconds between two looks at files that do not change. All times below are for this interval."""
LOOK_AGAIN = 0.1
"""Seconds until the next look at a file that has changed."""
QUIET = 0.6
"""Seconds for which a changed file must be left alone: one that is written stops for less."""
ABSENT = 0.3
"""Seconds after which a missing file counts as deleted. Editors put one there within a few
milliseconds, and a service is closed in a hurry by deleting its file."""
APART = 0.2
"""Seconds between the two looks that must find the same."""
RECENT = 1.0
"""Seconds after which an earlier look says nothing about whether a file is being written now."""
FIRST = 0.25
"""Seconds for which a file must have been left alone that is read for the first time."""
EMPTY = 5.0
"""The same for one without a single byte: it may be one that is about to be filled."""
PATIENCE = 1.0
"""Seconds to wait for a file that was never read before."""
_STEP = 0.02
# Two changes within one tick of a file system's clock leave the same time stamp;
# FAT's tick, two seconds, is the longest.
_CERTAIN_AFTER = 2 * 10**9

Stamp = tuple[int, int, int, int, int] | None
"""Device, inode, size, and both times of a file; `None` if there is none."""


class Clock(NamedTuple):
    """Where the time comes from."""

    monotonic: Callable[[], float] = time.monotonic
    time_ns: Callable[[], int] = time.time_ns
    sleep: Callable[[float], None] = time.sleep


CLOCK = Clock()


class _Good(NamedTuple, Generic[T]):
    """What is in use; unless `certain`, the stamp does not tell it from what came later."""

    stamp: Stamp
    content: T
    certain: bool


class _Seen(NamedTuple, Generic[T]):
    """What looks have found since `since`, and is not in use."""

    stamp: Stamp
    content: T
    since: float


def is_certain(stamp: Stamp, now: int) -> bool:
    """Return whether a change after `now` (in nanoseconds) must show in the stamp."""
    return stamp is None or now - stamp[-1] > _CERTAIN_AFTER


def _never(_: object) -> bool:
    return False


class SteadyFile(Generic[T]):
    """One file; for one thread or many.

    `read` returns a stamp and the content, and may raise what it likes, which is passed on.
    `is_blank` says whether a content is none: such a one never takes the place of another.
    `depends_on_more` says whether it may change while the stamp stays: it is read at each look.
    `interval` scales all times.
    """

    def __init__(  # noqa: PLR0913 - names of their own
        self,
        path: str,
        read: Callable[[str], tuple[Stamp, T]],
        *,
        is_blank: Callable[[T], bool] = _never,
        depends_on_more: Callable[[T], bool] = _never,
        interval: float = CHECK_INTERVAL,
        clock: Clock = CLOCK,
    ) -> None:
        """Remember how to look; opens nothing."""
        self.path = path
        self._read = read
        self._is_blank = is_blank
        self._depends_on_more = depends_on_more
        self._scale = interval / CHECK_INTERVAL
        self._clock = clock
        # Each is replaced whole, so that no lock is needed: a thread that is late makes a
        # change wait, and never uses one too early.
        self._good: _Good[T] | None = None
        self._seen: _Seen[T] | None = None
        self._told: _Seen[T] | None = None
        self._looked = self._began = float("-inf")
        self._replaced = 0

    @property
    def is_changing(self) -> bool:
        """Whether the file is another than what is in use, and may be used soon."""
        return self._seen is not None and not self.is_emptied

    @property
    def is_emptied(self) -> bool:
        """Whether the file was left with nothing in it, and is in use as it was before."""
        seen = self._seen
        return seen is not None and seen is self._told

    @property
    def is_missing(self) -> bool:
        """Whether nothing is in use: there is no file, or it was never read."""
        return self._good is None or self._good.stamp is None

    def current(self, stamp: Stamp) -> T:
        """Return what is in use of a file that has this stamp now; reads it only if it must.

        It is the same object until it changes.

        Raises:
            UnsteadyFile: if it is being written, and nothing of it is in use yet.

        """
        good = self._good
        if good is not None and good.certain and self._seen is None and good.stamp == stamp:
            self._looked = self._clock.monotonic()
            return good.content
        good = self._look()
        if good is None:
            waited = self._clock.monotonic() - self._began
            raise UnsteadyFile(self.path, worth_waiting=waited < PATIENCE * self._scale)
        return good.content

    def _look(self) -> _Good[T] | None:
        now, wall = self._clock.monotonic(), self._clock.time_ns()
        stamp, content = self._read(self.path)
        idle = now - self._looked > RECENT * self._scale
        self._looked = now
        good, seen = self._good, self._seen
        if good is not None and good.content == content:
            content = good.content
        else:
            if seen is None:
                self._began, self._replaced = now, 0
            if seen is None or (seen.stamp, seen.content) != (stamp, content):
                self._count_replaced(seen, stamp)
                emptied = self.is_emptied and self._is_blank(content)
                seen = self._seen = _Seen(stamp, content, now)
                if emptied:
                    # It was told of already, and still has nothing in it.
                    self._told = seen
            if not self._is_steady(seen, now, wall, idle=idle) or self._is_kept_out(seen):
                return good
        self._seen = None
        certain = is_certain(stamp, wall) and not self._depends_on_more(content)
        self._good = _Good(stamp, content, certain)
        return self._good

    def _count_replaced(self, seen: _Seen[T] | None, stamp: Stamp) -> None:
        """Count the looks in a row each of which found another file than the one before."""
        another = seen and seen.stamp and stamp and seen.stamp[:2] != stamp[:2]
        self._replaced = self._replaced + 1 if another else 0

    def _is_steady(self, seen: _Seen[T], now: float, wall: int, *, idle: bool) -> bool:
        first = self._good is None
        blank = self._is_blank(seen.content)
        if first:
            # Comments alone are what many files are shipped with.
            wanted = EMPTY if blank and seen.stamp is not None and not seen.stamp[2] else FIRST
        elif blank and self.is_missing:
            wanted = EMPTY
        else:
            wanted = ABSENT if seen.stamp is None else QUIET
        wanted *= self._scale
        watched = now - seen.since
        if watched >= wanted:
            return True
        if self._replaced > 1 and now - self._began >= PATIENCE * self._scale:
            # It is replaced whole, again and again; what is written in place stays the same file.
            return not blank
        changed = _absent_since(self.path) if seen.stamp is None else seen.stamp[-1]
        if (wall - changed) / 10**9 < wanted:
            return False
        return first or idle or watched >= APART * self._scale

    def _is_kept_out(self, seen: _Seen[T]) -> bool:
        """Return whether this is nothing that came in the place of something, which stays."""
        good = self._good
        if good is None or good.stamp is None or not self._is_blank(seen.content):
            return False
        if self._is_blank(good.content):
            return False
        if self._told is not seen:
            self._told = seen
            log.warning(
                "%s is empty now, and was not before: that does not count; "
                "delete the file if it is to say nothing",
                self.path,
            )
        return True


def wait_for(look: Callable[[], T], clock: Clock = CLOCK) -> T:
    """Return what `look` does, called until no file that it needs is being written; blocks.

    Raises:
        UnsteadyFile: if one goes on being written, after `PATIENCE`.

    """
    while True:
        try:
            return look()
        except UnsteadyFile as error:
            if not error.worth_waiting:
                raise
        clock.sleep(_STEP)


def _absent_since(path: str) -> int:
    """Return the last time, in nanoseconds, at which a file can have been there that is missing.

    Its folder has changed then, or the one around it.
    """
    for folder in Path(path).parents:
        with suppress(OSError, ValueError):
            return folder.stat().st_ctime_ns
    return 0


def stamp_at(path: str) -> Stamp:
    """Return the stamp of the file at a path."""
    try:
        return stamp_of(os.stat(path))  # noqa: PTH116 - twice a second for every file in use
    except (OSError, ValueError):
        return None


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file whose status is known."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
