"""Docstrings for Sphinx: they are written for people who read the code, not in its markup.

An indented block is an example, word for word; `name` is a name, in code or in the reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sphinx.application import Sphinx

_SECTION = re.compile(
    r"(Args|Arguments|Returns|Raises|Yields|Attributes|Example|Examples|Note|See Also):"
)
_ITEM = re.compile(r"\s*([*-]|\d+\.) ")


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Mark the examples in docstrings, before napoleon reads their sections."""
    app.connect("autodoc-process-docstring", _mark, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _mark(_app: Sphinx, _kind: str, _name: str, _of: object, _more: Any, lines: list[str]) -> None:  # noqa: ANN401
    lines[:] = list(marked(lines))


def marked(lines: list[str]) -> Iterator[str]:
    """Put `::` in front of each indented block that follows an empty line."""
    section = inside = False
    before = ""
    for line in lines:
        indented = line.startswith("    ")
        if line and not line.startswith(" "):
            section = bool(_SECTION.fullmatch(line.strip()))
            inside = False
        if indented and not before and not section and not inside and not _ITEM.match(line):
            inside = True
            yield from ("::", "")
        before = line.strip()
        yield line
