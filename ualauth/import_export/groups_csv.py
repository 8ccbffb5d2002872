r"""Groups as CSV (RFC 4180): a line of column names, then a group a line.

    name,or_name,addresses,members
    sales,"/ny,hq/CN=Sales",sales@example.com,jsmith;ann;interns

`name` is needed. Addresses have blanks between them, and members `;`: authids, addresses, names
of groups; `\;` is one that belongs to a name, and `\\` a backslash.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from ualauth.errors import InvalidValue
from ualauth.import_export.csv_rows import other_separator, rows_of, unknown_column
from ualauth.import_export.encodings import problem_of
from ualauth.import_export.line import BadLine, Reading, bad_line
from ualauth.text.escapes import escaped, plain, split
from ualauth.userlist.group_import import GroupLine, Member
from ualauth.userlist.group_record import Group, Members, NewGroup, usual_or_name
from ualauth.userlist.names import parse

COLUMNS = ("name", "or_name", "addresses", "members")

_SPECIAL = "\\;"
_LARGEST_CELL = 1 << 28
"""Characters: a million members with the longest names that there are."""


def read(lines: Iterable[str], reading: Reading) -> Iterator[GroupLine | BadLine]:
    """Return what the lines of a file amount to."""
    # The library has one limit for all: a cell with all members of a group may be larger.
    before = csv.field_size_limit(_LARGEST_CELL)
    try:
        yield from _read(lines, reading)
    finally:
        csv.field_size_limit(before)


def _read(lines: Iterable[str], reading: Reading) -> Iterator[GroupLine | BadLine]:
    columns: list[str] = []
    for read_row in rows_of(lines, reading):
        if isinstance(read_row, BadLine):
            yield read_row
            continue
        number, row = read_row
        if columns:
            yield _line(number, row, columns, reading)
            continue
        columns = [name.strip().lower().replace(" ", "_") for name in row]
        if problem := _header_problem(columns, reading):
            # Without columns nothing can be said about the rest.
            yield BadLine(number, problem)
            return


def write(groups: Iterable[tuple[Group, Members]]) -> Iterator[str]:
    """Return the text of some groups, piece by piece."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(COLUMNS)
    for group, members in groups:
        names = ";".join(escaped(name, _SPECIAL) for name in (*members.users, *members.groups))
        rows.writerow([group.name, str(group.or_name), " ".join(group.addresses), names])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _line(number: int, row: list[str], columns: list[str], reading: Reading) -> GroupLine | BadLine:
    if len(row) != len(columns):
        return BadLine(number, f"has {len(row)} cells, where {len(columns)} columns are named")
    if problem := problem_of(row, reading.encoding):
        return BadLine(number, problem)
    cells = {
        column: cell.strip()
        for column, cell in zip(columns, row, strict=True)
        if column not in reading.ignore_columns
    }
    name = cells["name"]
    try:
        or_name = cells.get("or_name", "")
        new = NewGroup(
            name=name,
            or_name=parse(or_name) if or_name else usual_or_name(name),
            addresses=tuple(cells.get("addresses", "").split()),
        )
    except InvalidValue as error:
        return bad_line(number, str(error))
    members = map(plain, split(cells.get("members", ""), ";"))
    return GroupLine(number, new, frozenset(cells), tuple(Member(each) for each in members if each))


def _header_problem(columns: list[str], reading: Reading) -> str:
    if problem := other_separator(columns):
        return problem
    names = [name for name in columns if name not in reading.ignore_columns]
    for name in names:
        if name not in COLUMNS:
            return unknown_column(name, COLUMNS)
    if len(set(names)) != len(names):
        return "a column is there twice"
    return "" if "name" in names else "a column name is needed"
