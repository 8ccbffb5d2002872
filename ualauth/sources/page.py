"""A service file's text, to show the places where something is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from ualauth.sources.problem import Problem, Source, printable
from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A word, and where it begins: line and column count from 1."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: its tokens, and the number of its first physical line."""

    number: int
    tokens: tuple[Token, ...]


_BLANK = " \t"
_SHOWN = 100
"""Characters of a line that are shown; a longer line is cut around its fault."""


class Page:
    """The lines of one file."""

    def __init__(self, path: str, text: str) -> None:
        """Split the text into physical lines."""
        self.path = path
        self._lines: Sequence[str] = text.split("\n")

    @classmethod
    def of_lines(cls, path: str, lines: Sequence[str]) -> Self:
        """Return the page of a file that is cut into lines already."""
        page = cls(path, "")
        page._lines = lines
        return page

    def end(self, line: int) -> Token:
        """Return the place of the last visible character of a line."""
        return Token("", line, max(1, len(self._lines[line - 1].rstrip())))

    def within(self, token: Token, part: tuple[int, int]) -> Token:
        """Return a part of a word in brackets, which may go on in further lines.

        Returns the word itself where the part is empty, or cannot be found.
        """
        text, line, column, left = token.text[slice(*part)], token.line, token.column + 1, part[0]
        while text and line <= len(self._lines):
            shown = self._lines[line - 1]
            body = shown.rstrip(_BLANK)
            # A backslash stands for the blank between what it joins.
            joined = len(body) - column + 1 if body.endswith("\\") else len(shown)
            if left < joined:
                is_it = shown.startswith(text, column - 1 + left)
                return Token(text, line, column + left) if is_it else token
            left -= joined
            line += 1
            following = self._lines[line - 1] if line <= len(self._lines) else ""
            column = len(following) - len(following.lstrip(_BLANK)) + 1
        return token

    def source(self, token: Token) -> Source:
        """Return where a token stands."""
        return Source(self.path, token.line, token.column)

    def problem(self, token: Token, text: str, cure: str, *, warning: bool = False) -> Problem:
        """Return a problem that points at `token`."""
        line = self._lines[token.line - 1]
        cut = max(0, token.column - 1 - _SHOWN // 2) if len(line) > _SHOWN else 0
        shown = line[cut : cut + _SHOWN]
        caret = token.column - 1 - cut
        return Problem(
            self.source(token),
            text,
            cure,
            printable(shown),
            caret,
            max(1, min(len(token.text), len(shown) - caret)),
            warning,
        )
