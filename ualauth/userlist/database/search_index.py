"""The index of what searches look for: the trigrams of the folded texts of users and groups.

A table `search_texts` has a row for each user and each group: three columns of texts, with two
blanks before and after each text, where no folded text has more than one. So what a text begins
or ends with is found like any other part of it. In SQLite it is a table of FTS5 with trigrams, in
PostgreSQL one with indexes of pg_trgm; where neither is there it is a plain table, of which
searches read all. It is no part of `tables.metadata`: each database makes its own of the records,
in the transaction that changes them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    cast,
    delete,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError

from ualauth.text.folding import fold
from ualauth.userlist.database.loading import insert_rows
from ualauth.userlist.database.tables import (
    GROUPS,
    group_names,
    groups,
    login_names,
    or_names,
    users,
)
from ualauth.userlist.database.tables import search_texts as texts
from ualauth.userlist.names import LIMITS, ORName, parts_of

GAP = "  "
"""Before and after each text."""

Row = tuple[int, str, str, str]

_AT_A_TIME = 2000
_FEW = 10
"""Rows that PostgreSQL takes by INSERT as quickly as by COPY."""
_PERSONAL = ("given_name", "initials", "surname", "generation", "common_name")
_UNITS = ("ou1", "ou2", "ou3", "ou4")


def row_of(number: int, parts: dict[str, str], keys: Iterable[str], name: str = "") -> Row:
    """Return the row of a record with folded parts of the O/R name, and folded login names.

    `number` is the id of a user, or `GROUPS` more than that of a group, whose folded name is
    `name`.
    """
    return (
        number,
        _joined([name, *(parts[each] for each in _PERSONAL)]),
        _joined(keys),
        _joined(parts[each] for each in _UNITS),
    )


def folded(name: ORName) -> dict[str, str]:
    """Return part -> folded text of an O/R name."""
    return {part: fold(text) for part, text in zip(LIMITS, parts_of(name), strict=True)}


def _joined(values: Iterable[str]) -> str:
    present = [each for each in values if each]
    return f"{GAP}{GAP.join(present)}{GAP}" if present else ""


def put(connection: Connection, rows: Sequence[Row]) -> None:
    """Put rows in the place of those of the same records."""
    _remove(connection, [row[0] for row in rows])
    put_new(connection, rows)


def put_new(connection: Connection, rows: Sequence[Row]) -> None:
    """Add the rows of new records."""
    if not rows:
        return
    names = tuple(each.name for each in texts.c)
    if connection.dialect.name == "sqlite" or len(rows) > _FEW:
        insert_rows(connection, texts, names, rows)
        return
    connection.execute(insert(texts), [dict(zip(names, row, strict=True)) for row in rows])


def remove_users(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Remove the rows of users, before these are deleted."""
    numbers = select(users.c.id).where(condition)
    connection.execute(delete(texts).where(texts.c.rowid.in_(numbers)))


def remove_groups(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Remove the rows of groups, before these are deleted."""
    numbers = select(cast(groups.c.id, BigInteger) + GROUPS).where(condition)
    connection.execute(delete(texts).where(texts.c.rowid.in_(numbers)))


def _remove(connection: Connection, numbers: Iterable[int]) -> None:
    """Remove the rows of some records, if they are there."""
    statement = delete(texts).where(texts.c.rowid == bindparam("number"))
    if values := [{"number": each} for each in numbers]:
        connection.execute(statement, values)


def refresh_users(connection: Connection, numbers: Sequence[int]) -> None:
    """Make the rows of some users what the tables say: for changes by statements of one's own."""
    for start in range(0, len(numbers), _AT_A_TIME):
        some = numbers[start : start + _AT_A_TIME]
        _remove(connection, some)
        put_new(connection, list(_rows_of_users(connection, or_names.c.user_id.in_(some), some)))


def fill(connection: Connection) -> None:
    """Make the index of all that there is, in place of what it has."""
    connection.execute(delete(texts))
    after = 0
    while True:
        question = select(or_names.c.user_id).where(or_names.c.user_id > after)
        some = list(connection.scalars(question.order_by(or_names.c.user_id).limit(_AT_A_TIME)))
        if not some:
            break
        after = some[-1]
        put_new(connection, list(_rows_of_users(connection, or_names.c.user_id.in_(some), some)))
    put_new(connection, list(_rows_of_groups(connection)))


def _rows_of_users(
    connection: Connection,
    condition: Any,  # noqa: ANN401 - of SQLAlchemy
    numbers: Sequence[int],
) -> Iterator[Row]:
    keys: dict[int, list[str]] = {number: [] for number in numbers}
    question = select(login_names.c.user_id, login_names.c.key)
    owned = question.where(login_names.c.user_id.in_(numbers)).order_by(login_names.c.key)
    for number, key in connection.execute(owned):
        keys[number].append(key)
    columns = [or_names.c[f"{part}_key"].label(part) for part in LIMITS]
    for row in connection.execute(select(or_names.c.user_id, *columns).where(condition)):
        values = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
        yield row_of(row.user_id, {part: values[part] for part in LIMITS}, keys[row.user_id])


def _rows_of_groups(connection: Connection) -> Iterator[Row]:
    keys: dict[int, list[str]] = {}
    question = select(group_names.c.group_id, group_names.c.key).order_by(group_names.c.key)
    for number, key in connection.execute(question):
        keys.setdefault(number, []).append(key)
    columns = [groups.c[part] for part in LIMITS]
    for row in connection.execute(select(groups.c.id, groups.c.name_key, *columns)):
        values = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
        parts = {part: fold(values[part]) for part in LIMITS}
        yield row_of(GROUPS + row.id, parts, keys.get(row.id, ()), row.name_key)


def create(connection: Connection) -> None:
    """Create the table as the database can have it, empty."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_FTS if has_trigrams() else _PLAIN)
        return
    connection.exec_driver_sql(
        "CREATE TABLE search_texts (rowid BIGINT NOT NULL PRIMARY KEY, names TEXT NOT NULL, "
        "logins TEXT NOT NULL, node TEXT NOT NULL)"
    )
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            connection.exec_driver_sql(
                "CREATE INDEX ix_search_texts_trigrams ON search_texts USING gin "
                "(names gin_trgm_ops, logins gin_trgm_ops, node gin_trgm_ops)"
            )
    except DBAPIError:
        # Without the right to it, or of a server that has none: decision 0087.
        return


# Texts are folded already. Which column a trigram is in is kept, and not where in it.
_FTS = (
    "CREATE VIRTUAL TABLE search_texts USING fts5(names, logins, node, "
    "tokenize='trigram case_sensitive 1', detail=column)"
)
_PLAIN = (
    "CREATE TABLE search_texts (rowid INTEGER NOT NULL PRIMARY KEY, names TEXT NOT NULL, "
    "logins TEXT NOT NULL, node TEXT NOT NULL)"
)


def has_trigrams() -> bool:
    """Return whether this SQLite has FTS5 with trigrams (3.34, and not left out)."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(_FTS)
    except sqlite3.OperationalError:
        return False
    else:
        return True
    finally:
        connection.close()
