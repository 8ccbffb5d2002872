"""What reading a file of the administrator gives, and what tells one state of it from another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from ualauth.sources.problem import Problem
from ualauth.text.dataclass import dataclass

MAX_FILE_BYTES = 1 << 20
"""Largest service file. A thousand times the usual; bounds the work on a wrong file."""


@dataclass(frozen=True, slots=True)
class FileRules:
    """How a file is read, and what counts as one."""

    max_bytes: int = MAX_FILE_BYTES
    comments: bool = True
    """Whether lines that begin with `#` say nothing: a file of these alone is an empty one."""
    links: bool = True
    """Whether the file may be a symbolic link. Links on the way to it always may."""
    utf8: bool = False
    """Whether bytes that are no UTF-8 are an error."""
    folder: bool = False
    """Whether a folder is meant: what it says are the names of its files, one a line."""
    secret: bool = False
    """Whether a warning says that every user of the host may read it."""
    missing: tuple[Problem, ...] | None = None
    """What is wrong where there is no file; by default an error says that there is none."""
    trusting: bool = False
    """Whether any file is taken, for comparisons with libpam only."""

    def is_blank(self, file: Found) -> bool:
        """Return whether a file says nothing."""
        if self.comments or not isinstance(file, Text):
            return is_blank(file)
        return not file.text.strip("\r\n")


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no file of that name."""

    path: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is something, and it cannot be taken: why, and the cure."""

    path: str
    reason: str
    cure: str
    unsafe: bool = False
    """Whether it can be read, and others than the administrators may have written it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file that was read. Bytes that are no UTF-8 are kept as surrogates."""

    path: str
    text: str = field(repr=False)
    public: bool = field(default=False, compare=False)
    """Whether every user of the host may read it."""
    _lines: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def lines(self) -> Sequence[str]:
        """Its physical lines, without their ends; it is cut when first asked for."""
        if not self._lines:
            self._lines.extend(self.text.split("\n"))
        return self._lines

    @property
    def data(self) -> bytes:
        """Its bytes, as they were read."""
        return self.text.encode(errors="surrogateescape")


Found = Text | Missing | Unusable
"""What is at a path."""


def is_unusable(file: Found) -> bool:
    """Return whether a file cannot be used: it may be mended by a change of one of its folders."""
    return isinstance(file, Unusable)


def is_blank(file: Found) -> bool:
    """Return whether a file says nothing: it is empty, or has only comments."""
    lines = file.text.splitlines() if isinstance(file, Text) else ["?"]
    return all(not line.strip() or line.lstrip().startswith("#") for line in lines)
