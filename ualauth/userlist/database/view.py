"""What of a USERLIST is seen: all of it, or what one company has.

Each question to the database is asked by a `View`: what runs statements (`Database`) takes one,
and there is no question without. The view of a company restricts every table that a statement
names, here and in no other place:

* a statement that reads is put behind `WITH users AS (...), addresses AS (...)`: the name of each
  table means only the rows of the company, wherever it stands in the statement;
* an UPDATE or DELETE gets one condition more, and rows to be inserted are looked at before;
* a text that is the driver's own, which is not understood here, changes nothing;
* the index of searches (`search_index`) is read as a whole, since only its own name may be asked
  for what matches: it tells ids alone, and who asks it looks for these in `users` or `groups`.

Which rows are a company's follows from the columns of a table. A table without such a column is
the server's own: a company sees no row of it and changes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Table,
    TextClause,
    Update,
    and_,
    event,
    exists,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.schema import ExecutableDDLElement

from ualauth.errors import StoreError
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern
from ualauth.userlist.database.tables import (
    GROUPS,
    companies,
    company_domains,
    groups,
    metadata,
    search_texts,
    sync_agreements,
    users,
)

_OWNERS: Mapping[str, Table] = {
    "user_id": users,
    "group_id": groups,
    "member_id": groups,
    "agreement_id": sync_agreements,
}
"""Column of a table -> whose id is in it."""
_INDEXED = ((users, 0), (groups, GROUPS))
"""Tables whose rows have a row in `search_texts`, and what is added to their ids there."""
_COMPANY = "company_id"
SERVERS = frozenset({companies, company_domains})
"""What a company reads of itself, and the server alone changes."""
_PARAMETER = "seen_company"
_ASKED = f"(SELECT id FROM {_PARAMETER})"  # noqa: S608 - our own names
_SEEN_BY = "ualauth_seen_by"
_RECURSIVE = "WITH RECURSIVE "
_PLAIN = "WITH "
CHECKED = "ualauth_checked_rows"
"""Option of a statement that is the driver's own text: what it changes was looked at before."""
_HARMLESS = ("BEGIN", "PRAGMA cache_size", "PRAGMA wal_autocheckpoint")
_CHANGES = lazy_pattern(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_BEYOND = "a company changes only what is its own: nothing was changed"


@dataclass(frozen=True, slots=True)
class View:
    """Who asks: the server, which sees all, or the company with an id.

    `SERVER_WIDE`, `NOTHING` and `View.of` are the only ones who make one.
    """

    company: int | None
    """The id of a company; `None` is the server."""

    @classmethod
    def of(cls, company: int) -> View:
        """Return what the company with this id sees."""
        return cls(company)

    @property
    def is_server_wide(self) -> bool:
        """Whether all is seen."""
        return self.company is None


SERVER_WIDE = View(None)
"""All companies, and what is no company's. Without hosting there is no other view."""
NOTHING = View(0)
"""No row of any company, since ids begin at 1, and none that is the server's own."""


def restricted_text(text: str, view: View, schema: str) -> str:
    """Return a statement that reads so that tables have only what a view sees.

    In `text` no table has a schema before it; `schema` is where the tables are. The parameter
    is `parameters_of`'s.
    """
    if view.is_server_wide:
        return text
    names = [name for name in metadata.tables if re.search(rf"\b{name}\b", text)]
    if not names:
        return text
    tables = ", ".join(_tables(schema)[name] for name in names)
    mark = "?" if schema == "main" else f"%({_PARAMETER})s"
    head = f"{_PARAMETER}(id) AS (SELECT {mark}), {tables}"
    for begin in (_RECURSIVE, _PLAIN):
        if text.startswith(begin):
            return f"{begin}{head}, {text.removeprefix(begin)}"
    return f"{_PLAIN}{head} {text}"


def parameters_of(text: str, parameters: Any, view: View) -> Any:  # noqa: ANN401 - of a driver
    """Return the parameters of a statement, with that of `restricted_text` if it has it."""
    if view.is_server_wide or f"{_PARAMETER}(id)" not in text:
        return parameters
    if isinstance(parameters, Mapping):
        return {**parameters, _PARAMETER: view.company}
    return (view.company, *(parameters or ()))


@cache
def _tables(schema: str) -> Mapping[str, str]:
    """Return table -> what its name means to a company."""
    return {
        name: f"{name} AS NOT MATERIALIZED (SELECT {name}.* FROM {schema}.{name} "  # noqa: S608 - our own names
        f"WHERE {' AND '.join(conditions_of(table, schema, _ASKED))})"
        for name, table in metadata.tables.items()
    }


def conditions_of(table: Table, schema: str, wanted: str) -> Sequence[str]:
    """Return the conditions that the rows of a company meet, whose id is what `wanted` says."""
    if table is companies:
        return [f"companies.id = {wanted}"]
    if _COMPANY in table.c:
        return [f"{table.name}.{_COMPANY} = {wanted}"]
    if table is search_texts:
        of_users, of_groups = (
            f"EXISTS (SELECT 1 FROM {schema}.{owner.name} AS owner "  # noqa: S608 - our own names
            f"WHERE owner.id = search_texts.rowid - {offset} AND owner.{_COMPANY} = {wanted})"
            for owner, offset in _INDEXED
        )
        return [f"({of_users} OR {of_groups})"]
    return [
        f"EXISTS (SELECT 1 FROM {schema}.{owner.name} AS owner_{column} "  # noqa: S608 - as above
        f"WHERE owner_{column}.id = {table.name}.{column} "
        f"AND owner_{column}.{_COMPANY} = {wanted})"
        for column, owner in _OWNERS.items()
        if column in table.c
    ] or ["1 = 0"]


def restrict(connection: Connection, view: View) -> None:
    """Let a connection change, and read, only what a view sees, as long as it lives."""
    company = view.company
    if company is None:
        return
    schema = schema_of(connection)
    connection.execution_options(**{_SEEN_BY: view})

    def before_execute(
        _connection: Connection,
        statement: Any,  # noqa: ANN401 - of SQLAlchemy
        several: Any,  # noqa: ANN401 - likewise
        one: Any,  # noqa: ANN401 - likewise
        _options: object,
    ) -> tuple[Any, Any, Any]:
        if isinstance(statement, Update):
            _refuse_giving_away(statement, several or ([one] if one else []), company)
        if isinstance(statement, Update | Delete):
            statement = statement.where(_is_seen(_table_of(statement), company))
        elif isinstance(statement, TextClause | ExecutableDDLElement):
            _refuse_unknown(str(statement))
        elif isinstance(statement, Insert):
            table, rows = _table_of(statement), several or ([one] if one else [])
            columns = sorted({name for row in rows for name in row})
            check_rows(
                connection, table, columns, [[row.get(name) for name in columns] for row in rows]
            )
        return statement, several, one

    def before_cursor_execute(
        _connection: Connection,
        _cursor: object,
        text: str,
        parameters: Any,  # noqa: ANN401 - of the driver
        context: Any,  # noqa: ANN401 - of SQLAlchemy
        _executemany: object,
    ) -> tuple[str, Any]:
        if context.compiled is None and not context.execution_options.get(CHECKED):
            _refuse_unknown(text)
        if text.startswith(("SELECT", "WITH")):
            text = restricted_text(text, view, schema)
            parameters = parameters_of(text, parameters, view)
        return text, parameters

    event.listen(connection, "before_execute", before_execute, retval=True)
    event.listen(connection, "before_cursor_execute", before_cursor_execute, retval=True)


def _refuse_unknown(text: str) -> None:
    """Refuse a text that SQLAlchemy did not make, and that may change what is another's.

    Raises:
        StoreError: if it may.

    """
    reads = text.startswith(("SELECT", "WITH")) and not _CHANGES.search(text)
    if not reads and not text.startswith(_HARMLESS):
        raise StoreError(_BEYOND)


def _refuse_giving_away(statement: Update, rows: Sequence[Mapping[str, Any]], company: int) -> None:
    """Refuse to make a row that of another company, or of none.

    Raises:
        StoreError: if one is.

    """
    written = statement.compile().params.get(_COMPANY)
    given = {row[_COMPANY] for row in rows if _COMPANY in row}
    if written not in {None, company} or given - {company}:
        raise StoreError(_BEYOND)


def check_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Refuse rows to be inserted that are not those of the company which a connection is of.

    Raises:
        StoreError: if there is one.

    """
    view = view_of(connection)
    if view.is_server_wide:
        return
    by_column = dict(zip(columns, map(set, zip(*rows, strict=True)), strict=True))
    if table is search_texts:
        _check_texts(connection, by_column["rowid"])
        return
    owners = [(name, owner) for name, owner in _OWNERS.items() if name in table.c]
    is_seen = table not in SERVERS and bool(owners or _COMPANY in table.c)
    if _COMPANY in table.c:
        is_seen = is_seen and by_column.get(_COMPANY) == {view.company}
    is_seen = is_seen and all(
        _are_seen(connection, owner, by_column.get(name, set())) for name, owner in owners
    )
    if not is_seen:
        raise StoreError(_BEYOND)


def _check_texts(connection: Connection, numbers: set[int]) -> None:
    for owner, offset in _INDEXED:
        ids = {number - offset for number in numbers if (number > GROUPS) == (offset > 0)}
        if ids and not _are_seen(connection, owner, ids):
            raise StoreError(_BEYOND)


_PIECE = 500


def _are_seen(connection: Connection, table: Table, numbers: set[int]) -> bool:
    wanted, present = sorted(numbers), 0
    for start in range(0, len(wanted), _PIECE):
        statement = select(func.count()).where(table.c.id.in_(wanted[start : start + _PIECE]))
        present += connection.scalar(statement) or 0
    return bool(wanted) and present == len(wanted)


def _table_of(statement: Update | Delete | Insert) -> Table:
    table = statement.table
    if not isinstance(table, Table):
        raise StoreError(_BEYOND)
    return table


def _is_seen(table: Table, company: int) -> ColumnElement[bool]:
    if table in SERVERS:
        return false()
    if _COMPANY in table.c:
        return table.c[_COMPANY] == company
    if table is search_texts:
        return or_(
            *(
                _is_owned(table, owner, search_texts.c.rowid - offset, company)
                for owner, offset in _INDEXED
            )
        )
    conditions = [
        _is_owned(table, owner, table.c[column], company)
        for column, owner in _OWNERS.items()
        if column in table.c
    ]
    return and_(*conditions) if conditions else false()


def _is_owned(
    table: Table, owner: Table, number: ColumnElement[int], company: int
) -> ColumnElement[bool]:
    seen = owner.alias()
    return (
        exists(select(seen.c.id))
        .where(seen.c.id == number, seen.c[_COMPANY] == company)
        .correlate(table)
    )


def view_of(connection: Connection) -> View:
    """Return what a connection sees that a transaction has been given."""
    view: View = connection.get_execution_options().get(_SEEN_BY, SERVER_WIDE)
    return view


def schema_of(connection: Connection) -> str:
    """Return the schema that the tables are in, as SQL writes it."""
    if connection.dialect.name == "sqlite":
        return "main"
    cursor = connection.connection.cursor()
    cursor.execute("SELECT quote_ident(current_schema())")
    rows = cursor.fetchall()
    return str(rows[0][0])
