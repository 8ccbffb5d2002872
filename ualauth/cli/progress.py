"""A progress bar on stderr where that is a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Progress:
    """A bar for `total` bytes, or one without an end if that is `None`."""

    def __init__(self, text: str, total: int | None, unit: str = "users") -> None:
        """Keep what it is called, and what its speed is in; shows nothing yet."""
        self._text = text
        self._unit = unit
        self._start = 0.0
        self.total = total
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Show it."""
        self._start = time.monotonic()
        if not sys.stderr.isatty():
            return self
        from rich.console import Console  # noqa: PLC0415 - only at a terminal
        from rich.progress import (  # noqa: PLC0415 - likewise
            BarColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar  # noqa: PLC0415 - likewise

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        self._bar = Bar(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task(self._text, total=self.total, speed="")
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave it as it is."""
        if self._bar is not None:
            self._bar.stop()

    def follow(self, positions: Iterable[int], users: Callable[[], int]) -> None:
        """Do all the work that tells how far it is, in bytes; `users` are done by then."""
        for position in positions:
            self.show(position, users())

    def show(self, position: int, users: int) -> None:
        """Show how far the work is, and how fast it was so far."""
        if self._bar is not None and self._task is not None:
            speed = users / max(time.monotonic() - self._start, 0.001)
            text = f"{speed:,.0f} {self._unit}/s"
            self._bar.update(self._task, completed=position, total=self.total, speed=text)
