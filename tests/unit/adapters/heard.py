"""What is logged while servers run: by Python's logging, which Twisted's goes to as well."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class Heard(logging.Handler):
    """Keeps all that is logged, as text."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, with its traceback."""
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)


@contextmanager
def hearing() -> Iterator[Heard]:
    """Listen at every level."""
    heard, root = Heard(), logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(heard)
    try:
        yield heard
    finally:
        root.removeHandler(heard)
        root.setLevel(before)


class Locals(logging.Handler):
    """Writes down what the calls of each traceback hold, as some tools for errors do."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.tracebacks = 0
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write down the locals of the calls in ualauth's own code."""
        error = record.exc_info and record.exc_info[1]
        entry = error.__traceback__ if error else None
        self.tracebacks += entry is not None
        while entry is not None:
            frame = entry.tb_frame
            if "/ualauth/" in frame.f_code.co_filename:
                self.text += f"{frame.f_code.co_qualname} {frame.f_locals!r}\n"
            entry = entry.tb_next


@contextmanager
def hearing_locals() -> Iterator[Locals]:
    """Listen for tracebacks."""
    shown = Locals()
    logging.getLogger().addHandler(shown)
    try:
        yield shown
    finally:
        logging.getLogger().removeHandler(shown)


def held_by(error: BaseException | None) -> str:
    """Return what the ended calls of an exception hold, and of those behind it."""
    text, seen = "", set()
    pending = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        entry: TracebackType | None = each.__traceback__
        while entry is not None:
            if "/ualauth/" in entry.tb_frame.f_code.co_filename:
                text += f"{entry.tb_frame.f_locals!r}\n"
            entry = entry.tb_next
        pending += (each.__cause__, each.__context__)
    return text
