"""Something wrong in a file of the administrator: its place, the line, a caret and the cure."""

from __future__ import annotations

from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Where something stands: line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return `file:line`."""
        return f"{self.file}:{self.line}"


def printable(text: str) -> str:
    """Return the text with a sign for each character that a terminal might obey, or not take."""
    return "".join(
        char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a service file, and how to mend it.

    A `warning` changes nothing; any other problem makes the line count as
    failed, or the whole service unusable.
    """

    source: Source
    text: str
    cure: str
    shown: str = ""
    """The line of the file, or as much of it as fits."""
    caret: int = 0
    """The offset in `shown` that is meant, and how wide it is."""
    width: int = 1
    warning: bool = False
    name: str = ""
    """The name of a finding, which stays the same in every release: `UA101`."""
    when: str = ""
    """The answers of the entries that lead to a finding."""

    def __str__(self) -> str:
        """Return the problem with its place, the line, a caret and the cure."""
        word = "warning" if self.warning else "error"
        name = f" [{self.name}]" if self.name else ""
        lines = [f"{self.source}:{self.source.column}: {word}: {self.text}{name}"]
        if self.shown:
            # Tabs stay tabs, so that the caret stands under its word.
            margin = "".join(char if char == "\t" else " " for char in self.shown[: self.caret])
            lines += [f"    {self.shown}", f"    {margin}{'^' * max(1, self.width)}"]
        lines += [f"    when: {self.when}"] if self.when else []
        lines += [f"    cure: {self.cure}"] if self.cure else []
        return "\n".join(map(printable, lines))
