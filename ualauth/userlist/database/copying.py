"""Copying a whole USERLIST into an empty one, of the same kind of database or another.

All tables are copied, whichever there are, as they are at one moment: the source is read in one
transaction, while programs go on with it. What the target gets is one transaction, too, which ends
only when the target has been read again and is the same; so a copy that ends otherwise leaves the
target empty. Ids stay as they are, and none is ever used again: failed logins are kept by them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Boolean, Connection, Engine, Table, func, select

from ualauth.errors import StoreError
from ualauth.userlist.database import row_security, search_index
from ualauth.userlist.database.backend import Backend
from ualauth.userlist.database.loading import make_room
from ualauth.userlist.database.revision import check_revision
from ualauth.userlist.database.tables import keys, metadata

Row = tuple[Any, ...]

_AT_A_TIME = 5000
_LARGEST = 1 << 128


@dataclass(slots=True)
class Copied:
    """How far a copy is: table -> rows, and how many rows there are to be copied in all."""

    rows: dict[str, int] = field(default_factory=dict)
    total: int = 0

    @property
    def done(self) -> int:
        """How many rows are copied."""
        return sum(self.rows.values())


@dataclass(slots=True)
class _Digest:
    """The number of some rows, and what they are, in any order."""

    rows: int = 0
    digest: int = 0

    def over(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows, and count them in."""
        for row in rows:
            text = repr(row).encode("utf-8", "surrogatepass")
            self.digest += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())
            self.digest %= _LARGEST
            self.rows += 1
            yield row


def copy(source: Backend, target: Backend, tell: Callable[[Copied], object]) -> Copied:
    """Copy everything into a USERLIST that was created, and is empty.

    `tell` is told again and again how far it is; what it raises ends the copy.

    Raises:
        StoreError: with the cure; then the target is as it was.

    """
    try:
        return _copy(_Snapshot(source), target, tell)
    except target.failures as error:
        fault = target.fault(error)
    # Outside of the handler: what drivers say quotes values.
    raise fault


def _copy(source: _Snapshot, target: Backend, tell: Callable[[Copied], object]) -> Copied:
    expected: dict[str, _Digest] = {}
    copied = Copied(dict.fromkeys((table.name for table in _tables()), 0))
    with closing(source), _transaction(target) as connection:
        _refuse_filled(connection, target.name)
        make_room(connection)
        # Indexes are made of what is there in a tenth of the time that row by row takes.
        indexes = [index for table in _tables() for index in table.indexes]
        for index in indexes:
            index.drop(connection)
        copied.total = sum(map(source.number_of, _tables()))
        for table in _tables():
            digest = expected[table.name] = _Digest()
            rows = digest.over(_values(table, source.rows_of(_all_of(table))))
            for number in target.fill(connection, table, rows):
                copied.rows[table.name] = number
                tell(copied)
            if "id" in table.c:
                target.use_no_id_again(connection, table, source.newest_id(table))
        source.close()
        for index in indexes:
            index.create(connection)
        for table in _tables():
            _compare(connection, target, table, expected[table.name])
            tell(copied)
        row_security.agree(connection)
        search_index.fill(connection)
    return copied


class _Snapshot:
    """A database as it was when it was first asked; its errors are `StoreError`."""

    def __init__(self, source: Backend) -> None:
        """Open nothing."""
        self._source = source
        self._engine = source.new_engine(writing=True)
        self._connection: Connection | None = None

    def rows_of(self, statement: Any) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - of SQLAlchemy
        """Yield the rows of a statement, some at a time."""
        try:
            with self._source.calls, self._source.stream(self._driver()) as stream:
                stream.execute(_text_of(statement, self._engine))
                yield from _fetched(stream)
        except self._source.failures as error:
            fault = self._source.fault(error)
        else:
            return
        raise fault

    def number_of(self, table: Table) -> int:
        """Return how many rows a table has."""
        (number,) = next(self.rows_of(select(func.count()).select_from(table)))
        return int(number)

    def newest_id(self, table: Table) -> int:
        """Return the highest id that a table ever had."""
        return int(next(self.rows_of(self._source.newest_id(table)), (0,))[0])

    def close(self) -> None:
        """End the transaction; may be repeated."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with self._source.calls:
                # What was begun by hand ends with the driver's connection.
                connection.invalidate()
                connection.close()
        self._engine.dispose()

    def _driver(self) -> Any:  # noqa: ANN401 - the driver's connection
        if self._connection is None:
            self._connection = self._engine.connect()
            check_revision(self._connection, self._source.name)
            # Not by SQLAlchemy: what it begins takes the only right to write of SQLite.
            driver: Any = self._connection.connection.dbapi_connection
            driver.cursor().execute(self._source.snapshot)
        return self._connection.connection.dbapi_connection


def _tables() -> list[Table]:
    """Return all tables, those first that others refer to."""
    return metadata.sorted_tables


def _all_of(table: Table) -> Any:  # noqa: ANN401 - a statement
    return select(table).order_by(*table.primary_key.columns)


def _values(table: Table, rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """Yield rows with the same values in every kind of database."""
    flags = {
        place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)
    }
    for row in rows:
        yield tuple(
            bool(value) if place in flags else bytes(value) if _is_octets(value) else value
            for place, value in enumerate(row)
        )


def _is_octets(value: object) -> bool:
    return isinstance(value, bytes | memoryview)


@contextmanager
def _transaction(target: Backend) -> Iterator[Connection]:
    engine = target.new_engine(writing=True)
    try:
        with engine.connect() as connection:
            check_revision(connection, target.name)
            with target.calls, connection.begin():
                yield connection
    finally:
        engine.dispose()


def _refuse_filled(connection: Connection, name: str) -> None:
    for table in _tables():
        if table is not keys and connection.execute(select(table).limit(1)).first() is not None:
            raise StoreError(f"{name}: is not empty: name a USERLIST that is new")
    # The copy has the key of mock secrets that the source has.
    connection.execute(keys.delete())


def _compare(connection: Connection, target: Backend, table: Table, expected: _Digest) -> None:
    """Read a table again, and refuse one that is not what was copied."""
    actual = _Digest()
    with target.stream(connection.connection.dbapi_connection) as cursor:
        cursor.execute(_text_of(_all_of(table), connection.engine))
        for _ in actual.over(_values(table, _fetched(cursor))):
            pass
    if actual != expected:
        raise StoreError(
            f"{target.name}: does not hold what was copied ({table.name}: {actual.rows} rows of "
            f"{expected.rows}): nothing was copied"
        )


def _fetched(cursor: Any) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - of the driver
    while rows := cursor.fetchmany(_AT_A_TIME):
        yield from rows


def _text_of(statement: Any, engine: Engine) -> str:  # noqa: ANN401 - of SQLAlchemy
    return statement if isinstance(statement, str) else str(statement.compile(engine))
