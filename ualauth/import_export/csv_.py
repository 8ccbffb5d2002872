"""CSV (RFC 4180): a line of column names, then a user a line.

A column is called like a field of a user, or like a part of the O/R name
(`surname`, `ou1`), or like a SCRAM mechanism, whose secret is written as
RFC 5803 does. An empty cell is the field's default. Several addresses have
blanks between them. What is written has all there is to know of a user.
"""

from __future__ import annotations

import csv
import dataclasses
import enum
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ualauth.errors import InvalidValue, PasswordError
from ualauth.import_export.auth_password import from_auth_password, to_auth_password
from ualauth.import_export.closing import carried
from ualauth.import_export.line import (
    BadLine,
    ExportedUser,
    Fields,
    Line,
    Reading,
    Writing,
    bad_line,
    line_of,
    name_of,
)
from ualauth.import_export.text import converters
from ualauth.passwords.scram import MECHANISMS
from ualauth.userlist.names import LIMITS
from ualauth.userlist.record import NewUser


class _Kind(enum.Enum):
    """What a column is of."""

    FIELD = enum.auto()
    PART = enum.auto()
    SECRET = enum.auto()


Columns = list[tuple[str, _Kind, Callable[[str], Any]]]
"""Names of columns, what they are of, and what reads their cells."""


def read(lines: Iterable[str], reading: Reading) -> Iterator[Line]:
    """Return what the lines of a file amount to."""
    rows = csv.reader(lines, strict=True)
    columns: Columns = []
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield bad_line(number, f"is no CSV: {error}")
            continue
        if not row:
            continue
        if columns:
            yield _line(number, row, columns, reading)
            continue
        names = [name.strip() for name in row]
        if problem := _header_problem(names):
            # Without columns nothing can be said about the rest.
            yield BadLine(number, problem)
            return
        columns = [(name, _kind(name), _reader(name)) for name in names]


def write(users: Iterable[ExportedUser], writing: Writing) -> Iterator[str]:
    """Return the text of some users, piece by piece."""
    fields = {name: text for name, (_, text) in converters().items()}
    if not writing.passwords:
        del fields["password"]
    mechanisms = list(MECHANISMS) if writing.passwords else []
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([*fields, *mechanisms])
    for user, secrets in users:
        carried_user = carried(user, writing)
        values = [(getattr(carried_user, name), text) for name, text in fields.items()]
        cells = ["" if value is None else text(value) for value, text in values]
        known = {secret.mechanism: to_auth_password(secret) for secret in secrets}
        rows.writerow(cells + [known.get(mechanism, "") for mechanism in mechanisms])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _line(number: int, row: list[str], columns: Columns, reading: Reading) -> Line:
    if len(row) != len(columns):
        return BadLine(number, f"has {len(row)} cells, where {len(columns)} columns are named")
    fields: Fields = {}
    parts: dict[str, str] = {}
    secrets = []
    column = ""
    try:
        for (column, kind, read_cell), cell in zip(columns, row, strict=True):
            if not cell:
                if column in _DEFAULTS:
                    fields[column] = _DEFAULTS[column]
                continue
            value = read_cell(cell)
            if kind is _Kind.FIELD:
                fields[column] = value
            elif kind is _Kind.PART:
                parts[column] = value
            elif value.mechanism == column:
                secrets.append(value)
            else:
                return BadLine(number, f"{column}: has a secret of another mechanism")
        if parts:
            fields["name"] = name_of(parts)
    except (InvalidValue, PasswordError) as error:
        return bad_line(number, f"{column}: {error}")
    return line_of(number, fields, secrets, reading)


def _kind(column: str) -> _Kind:
    if column in MECHANISMS:
        return _Kind.SECRET
    return _Kind.PART if column in LIMITS else _Kind.FIELD


def _reader(column: str) -> Callable[[str], Any]:
    if column in MECHANISMS:
        return from_auth_password
    return str if column in LIMITS else converters()[column][0]


def _header_problem(names: list[str]) -> str:
    known = {*converters(), *LIMITS, *MECHANISMS}
    for name in names:
        if name not in known:
            return f"column {name[:40]!r} is none of {', '.join(sorted(known))}"
    if len(set(names)) != len(names):
        return "a column is there twice"
    if "authid" not in names:
        return "a column authid is needed"
    if ("name" in names) is not LIMITS.keys().isdisjoint(names):
        return "either a column name is needed, or columns for the parts of O/R names"
    if not MECHANISMS.keys().isdisjoint(names) and "password" not in names:
        return "SCRAM secrets need a column password"
    return ""


_DEFAULTS: Fields = {
    field.name: field.default
    for field in dataclasses.fields(NewUser)
    if field.default is not dataclasses.MISSING
}
"""What an empty cell stands for."""
