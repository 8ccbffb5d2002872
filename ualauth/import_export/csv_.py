"""CSV (RFC 4180): a line of column names, then a user a line.

A column is called like a field of a user, or like a part of the O/R name
(`surname`, `ou1`), or like a SASL mechanism, whose secret is written as
RFC 5803 does, or like what only the USERLIST sets (`created`, `grace_logins_used`,
`last_login` and where it was, `former_passwords`); in any case. An empty cell is the field's
default. Several addresses have blanks between them. What is written has all there is to know of
a user.
"""

from __future__ import annotations

import csv
import dataclasses
import enum
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ualauth.errors import InvalidValue, PasswordError
from ualauth.import_export.auth_password import from_auth_password, to_auth_password
from ualauth.import_export.closing import carried
from ualauth.import_export.csv_rows import other_separator, rows_of, unknown_column
from ualauth.import_export.line import (
    HISTORY,
    NAME_PARTS,
    BadLine,
    ExportedUser,
    Fields,
    Line,
    Reading,
    Writing,
    bad_line,
    line_of,
)
from ualauth.import_export.text import converters, read_number, read_time, write_time
from ualauth.passwords.cram_md5 import NAME as CRAM_MD5
from ualauth.passwords.scram import MECHANISMS, ScramSecret
from ualauth.text.folding import REFUSED
from ualauth.userlist.bulk import History
from ualauth.userlist.checks import check_password
from ualauth.userlist.names import LIMITS
from ualauth.userlist.record import LastLogin, NewUser


class _Kind(enum.Enum):
    """What a column is of."""

    FIELD = enum.auto()
    PART = enum.auto()
    SECRET = enum.auto()
    HISTORY = enum.auto()
    IGNORED = enum.auto()


Columns = list[tuple[str, _Kind, Callable[[str], Any]]]
"""Names of columns, what they are of, and what reads their cells."""

# What a column of the database holds.
_MOST_GRACE_LOGINS = 2**31 - 1
_MOST_LOGIN_TEXT = 255


def read(lines: Iterable[str], reading: Reading) -> Iterator[Line]:
    """Return what the lines of a file amount to."""
    columns: Columns = []
    for read_row in rows_of(lines, reading):
        if isinstance(read_row, BadLine):
            yield read_row
            continue
        number, row = read_row
        if columns:
            yield _line(number, row, columns, reading)
            continue
        names = [_column(name) for name in row]
        if problem := _header_problem(names, reading):
            # Without columns nothing can be said about the rest.
            yield BadLine(number, problem)
            return
        columns = [(name, _kind(name, reading), _reader(name)) for name in names]


def write(users: Iterable[ExportedUser], writing: Writing) -> Iterator[str]:
    """Return the text of some users, piece by piece."""
    fields = {name: text for name, (_, text) in converters().items()}
    if not writing.passwords:
        del fields["password"]
    mechanisms = _MECHANISMS if writing.passwords else ()
    history = [name for name in _HISTORY if writing.passwords or name != _FORMER]
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([*fields, *mechanisms, *history])
    for user, secrets in users:
        carried_user = carried(user, writing)
        values = [(getattr(carried_user, name), text) for name, text in fields.items()]
        cells = ["" if value is None else text(value) for value, text in values]
        known = {secret.mechanism: to_auth_password(secret) for secret in secrets}
        cells += [known.get(mechanism, "") for mechanism in mechanisms]
        cells += [write_time(user.created), str(user.grace_logins_used or "")]
        login = writing.last_login(user)
        cells += [write_time(login.time), login.service, login.source] if login else _NO_LOGIN
        if writing.passwords:
            former = writing.former_passwords(user)
            cells.append(json.dumps(former) if former else "")
        rows.writerow(cells)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _line(number: int, row: list[str], columns: Columns, reading: Reading) -> Line:
    if len(row) != len(columns):
        return BadLine(number, f"has {len(row)} cells, where {len(columns)} columns are named")
    cells = _Cells()
    column = ""
    try:
        for (column, kind, read_cell), text in zip(columns, row, strict=True):
            # A blank at the end of clear text belongs to it; a blank alone is no empty cell.
            as_it_is = column == "password" and text.endswith(" ")
            cell = text if as_it_is else text.strip() or text
            cells.add(column, kind, read_cell, cell)
    except (InvalidValue, PasswordError) as error:
        return bad_line(number, f"{column}: {error}")
    return line_of(number, cells.gathered(), cells.secrets, reading)


@dataclasses.dataclass(slots=True)
class _Cells:
    """The cells of a row, as far as they are read."""

    fields: Fields = dataclasses.field(default_factory=dict)
    parts: dict[str, str] = dataclasses.field(default_factory=dict)
    history: dict[str, Any] = dataclasses.field(default_factory=dict)
    secrets: list[ScramSecret] = dataclasses.field(default_factory=list, repr=False)

    def add(self, column: str, kind: _Kind, read_cell: Callable[[str], Any], cell: str) -> None:
        if kind is _Kind.PART:
            self.parts[column] = cell.strip()
        elif kind is _Kind.IGNORED:
            pass
        elif not cell:
            if column in _DEFAULTS:
                self.fields[column] = _DEFAULTS[column]
        elif kind is _Kind.FIELD:
            self.fields[column] = read_cell(cell)
        elif kind is _Kind.HISTORY:
            self.history[column] = read_cell(cell)
        elif (secret := read_cell(cell)).mechanism == column:
            self.secrets.append(secret)
        else:
            raise InvalidValue("has a secret of another mechanism")

    def gathered(self) -> Fields:
        """Return the fields, with what else was read."""
        if self.parts:
            self.fields[NAME_PARTS] = self.parts
        if self.history:
            login = [self.history.pop(name, None) for name in _LOGIN]
            if any(login) and login[0] is None:
                raise InvalidValue("has no time of the login")
            last = LastLogin(login[0], login[1] or "", login[2] or "") if login[0] else None
            self.fields[HISTORY] = History(**self.history, last_login=last)
        return self.fields


def _column(text: str) -> str:
    """Return a column's name as it is known, whatever the case."""
    name = text.strip()
    return _KNOWN.get(name.lower().replace(" ", "_"), name)


def _kind(column: str, reading: Reading) -> _Kind:
    if column.lower() in reading.ignore_columns:
        return _Kind.IGNORED
    if column in _MECHANISMS:
        return _Kind.SECRET
    if column in _HISTORY:
        return _Kind.HISTORY
    return _Kind.PART if column in LIMITS else _Kind.FIELD


def _reader(column: str) -> Callable[[str], Any]:
    if column in _MECHANISMS:
        return from_auth_password
    if column in _HISTORY:
        return _HISTORY[column]
    return str if column in LIMITS or column not in converters() else converters()[column][0]


def _header_problem(row: list[str], reading: Reading) -> str:
    if problem := other_separator(row):
        return problem
    names = [name for name in row if name.lower() not in reading.ignore_columns]
    known = set(_KNOWN.values())
    has_parts = not LIMITS.keys().isdisjoint(names)
    problems = (
        *(unknown_column(name, sorted(known)) for name in names if name not in known),
        "a column is there twice" if len(set(names)) != len(names) else "",
        "" if "authid" in names else "a column authid is needed",
        _NO_NAME if ("name" in names) is has_parts and (has_parts or not reading.updates) else "",
        ""
        if {*_MECHANISMS, _FORMER}.isdisjoint(names) or "password" in names
        else "SCRAM secrets and former passwords need a column password",
    )
    return next(filter(None, problems), "")


def _read_count(text: str) -> int:
    count = read_number(text)
    if count > _MOST_GRACE_LOGINS:
        raise InvalidValue(f"must be a number up to {_MOST_GRACE_LOGINS}")
    return count


def _read_login_text(text: str) -> str:
    if len(text) > _MOST_LOGIN_TEXT or REFUSED.search(text):
        raise InvalidValue(f"takes at most {_MOST_LOGIN_TEXT} characters, no control characters")
    return text


def _read_former(text: str) -> tuple[str, ...]:
    try:
        hashes = json.loads(text)
    except (ValueError, RecursionError):
        hashes = None
    if not isinstance(hashes, list) or not all(isinstance(each, str) for each in hashes):
        raise InvalidValue("must be a JSON list of hashes, the newest first")
    for each in hashes:
        check_password(each)
    return tuple(hashes)


_NO_NAME = (
    "either a column name is needed, or columns for the parts of O/R names; "
    "without both, --existing update changes users who are there"
)
_FORMER = "former_passwords"
_LOGIN = ("last_login", "last_login_service", "last_login_source")
_NO_LOGIN = [""] * len(_LOGIN)
_HISTORY: dict[str, Callable[[str], Any]] = {
    "created": read_time,
    "grace_logins_used": _read_count,
    **dict(zip(_LOGIN, (read_time, _read_login_text, _read_login_text), strict=True)),
    _FORMER: _read_former,
}
"""Column of what only the USERLIST sets -> what reads its cells."""

_MECHANISMS = (*MECHANISMS, CRAM_MD5)
_KNOWN = {
    name.lower(): name
    for name in (
        *(field.name for field in dataclasses.fields(NewUser)),
        *LIMITS,
        *_MECHANISMS,
        *_HISTORY,
    )
}
"""Column in lower case -> its name."""

_DEFAULTS: Fields = {
    field.name: field.default
    for field in dataclasses.fields(NewUser)
    if field.default is not dataclasses.MISSING
}
"""What an empty cell stands for."""
