r"""What an administrator says about a finding, in a comment at the end of its line.

    comment = "#" *any "ualauth: allow" 1*( blank name ) blank "because" blank reason

The comment of a file as a whole stands on a line of its own. Without a reason, nothing is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ualauth.sources.page import Page, Token
from ualauth.sources.problem import Problem
from ualauth.text.lazy_pattern import lazy_pattern

_ALLOW = lazy_pattern(
    r"#.*\bualauth:\s*allow\s+(?P<names>UA[0-9]+(?:[\s,]+UA[0-9]+)*)(?P<because>\s+because\s+\S)?"
)
OF_A_FILE = frozenset({"UA107"})
"""Findings about a file as a whole."""


class Commented:
    """A service file's text, and what its comments allow."""

    def __init__(self, path: str, text: str) -> None:
        """Keep the text."""
        self._page = Page(path, text)
        self._lines: Sequence[str] = text.split("\n")

    def placed(self, problem: Problem) -> Problem | None:
        """Return a finding with the line that it is about; `None` if a comment allows it."""
        number = problem.source.line
        if not 0 < number <= len(self._lines):
            return problem
        if problem.name in OF_A_FILE:
            alone = [line for line in self._lines if line.lstrip().startswith("#")]
            comments, shown = alone, False
        else:
            comments, shown = [self._comment(number)], True
        reasons = [match for line in comments for match in _ALLOW.finditer(line)]
        named = [match for match in reasons if problem.name in re.findall("UA[0-9]+", match[0])]
        if any(match["because"] for match in named):
            return None
        cure = problem.cure
        if named:
            cure = f"say why it is allowed: # ualauth: allow {problem.name} because ..."
        if not shown:
            return replace(problem, cure=cure)
        column = problem.source.column
        words = self._lines[number - 1][column - 1 :].partition("#")[0].rstrip(" \t\\")
        token = Token(words, number, column)
        placed = self._page.problem(token, problem.text, cure, warning=problem.warning)
        return replace(placed, name=problem.name, when=problem.when)

    def _comment(self, number: int) -> str:
        """Return the comment that ends the logical line which begins at a physical one."""
        for line in self._lines[number - 1 :]:
            if "#" in line:
                return line[line.index("#") :]
            if not line.rstrip().endswith("\\"):
                break
        return ""
