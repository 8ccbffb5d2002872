"""What became of a file of another system: new files, and a word about each of its lines."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Fate(enum.Enum):
    """What became of a line."""

    KEPT = "kept"
    REPLACED = "replaced"
    LEFT_OUT = "left out"
    REFUSES = "refuses"
    """There is no equal, and to leave it out could let users in: a line that refuses is there."""


@dataclass(frozen=True, slots=True)
class LineFate:
    """What became of one line: where it stood, what it said, and why.

    `written` is the line that is there now, in the file `target`, by its number; 0 for none.
    """

    source: str
    line: int
    text: str
    fate: Fate
    why: str = ""
    written: str = ""
    target: str = ""
    number: int = 0


@dataclass(slots=True)
class Migration:
    """New files by their names below the configuration folder, and the fates of lines.

    `todo` is what an administrator has to do besides.
    """

    files: dict[str, str] = field(default_factory=dict)
    fates: list[LineFate] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)

    def advise(self, text: str) -> None:
        """Add something to be done, once."""
        if text not in self.todo:
            self.todo.append(text)
