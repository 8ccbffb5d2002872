"""The rows of a CSV file (RFC 4180), and what is wrong with the names of its columns.

Spreadsheets may separate cells by another character, which a first line `sep=;` or
`reading.delimiter` says, and leave rows without any text, which are passed over.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ualauth.import_export.line import BadLine, Reading, bad_line
from ualauth.text.closest import closest

_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE | re.DOTALL)
_CURES = {
    # The library says how to open a file of Python.
    "new-line character": "lines end in LF or CR LF, and a CR stands alone: convert the file",
}
"""How a text of the library begins -> what is said instead."""
_USUAL_SEPARATORS = ";\t|,"


def rows_of(lines: Iterable[str], reading: Reading) -> Iterator[tuple[int, list[str]] | BadLine]:
    """Yield each row that has any text, with the number of its first line."""
    lines = iter(lines)
    first = next(lines, "")
    delimiter, before = reading.delimiter or ",", 0
    if said := _SEPARATOR.fullmatch(first):
        # What Excel writes and reads before the column names.
        delimiter, before = said[1], 1
    else:
        lines = chain([first] if first else [], lines)
    rows = csv.reader(lines, strict=True, delimiter=delimiter)
    while True:
        number = rows.line_num + 1 + before
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield bad_line(number, f"is no CSV: {_CURES.get(str(error)[:18], error)}")
            continue
        if any(map(str.strip, row)):
            yield number, row


def other_separator(row: Sequence[str]) -> str:
    """Return what is wrong with column names that another character separates, if one does."""
    looks = [each for each in _USUAL_SEPARATORS if each in row[0]] if len(row) == 1 else []
    if not looks:
        return ""
    shown = {"\t": "tab"}.get(looks[0], looks[0])
    return f"looks separated by {shown}: --delimiter '{shown}' reads it"


def unknown_column(name: str, known: Sequence[str]) -> str:
    """Return what is wrong with a column that is none of those that are known."""
    shown = name[:40] if name.isprintable() else ascii(name[:40])
    meant = closest(name.lower(), known)
    hint = f"; did you mean {meant!r}?" if meant else ""
    return (
        f"column {shown!r} is none of {', '.join(known)}{hint}; "
        f"--ignore-columns {shown} passes over it"
    )
