"""The databases that the tests of the store run on, under one face."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import sql
from sqlalchemy import Engine, create_engine, event, inspect

from tests.postgresql import Server
from ualauth.userlist.store import UserStore

Statement = tuple[str, Any]
"""A statement and its parameters."""


class SQLiteDatabase:
    """A file."""

    refusal: tuple[type[Exception], ...] = (sqlite3.IntegrityError,)

    def __init__(self, path: Path) -> None:
        """Keep where it is."""
        self.path = path
        self.url = f"sqlite:///{path}"
        self.name = str(path)

    def open(self, timeout: float = 30) -> UserStore:
        """Return one more store on it."""
        return UserStore(self.url, timeout=timeout)

    def execute(self, statement: str) -> list[Any]:
        """Return the rows of a statement, which is committed."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            rows = connection.execute(statement).fetchall()
            connection.commit()
            return rows

    def refuse_sha512(self) -> None:
        """Make every secret of SCRAM-SHA-512 fail."""
        self.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON sasl_passwords WHEN new.mechanism = "
            "'SCRAM-SHA-512' BEGIN SELECT RAISE(ABORT, 'not today'); END",
        )

    @contextlib.contextmanager
    def recorded(self) -> Iterator[list[Statement]]:
        """Return the list that statements of new connections are written to."""
        written: list[Statement] = []

        def connected(connection: sqlite3.Connection, _: object) -> None:
            connection.set_trace_callback(lambda text: written.append((text, None)))

        event.listen(Engine, "connect", connected)
        yield written
        event.remove(Engine, "connect", connected)

    def trace(self, asked: Callable[[], None]) -> None:
        """Call `asked` before each statement of new connections, until the process ends."""

        def connected(connection: sqlite3.Connection, _: object) -> None:
            connection.set_trace_callback(lambda _: asked())

        event.listen(Engine, "connect", connected)

    def scans(self, statements: Sequence[Statement]) -> list[str]:
        """Return the plans in which a table is read from one end to the other."""
        plans = []
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            for text, _ in statements:
                plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")]
                # What is scanned are rows that were found by an index, or one of constants.
                scans = [
                    step
                    for step in plan
                    if step.startswith("SCAN")
                    and not re.fullmatch(r"SCAN (anon_\d|CONSTANT ROW)", step)
                ]
                names = "or_names" in text and not any(
                    "or_names USING" in step and "INDEX" in step for step in plan
                )
                if scans or names:
                    plans.append(f"{text}\n{plan}")
        return plans

    def definitions(self) -> dict[str, Any]:
        """Return name -> columns, constraints and indexes of every table, in any order."""
        engine = create_engine(self.url)
        inspector = inspect(engine)
        tables = {
            name: sorted(
                str(sorted(_with_texts(each).items(), key=str))
                for each in (
                    *inspector.get_columns(name),
                    *inspector.get_indexes(name),
                    *inspector.get_unique_constraints(name),
                    *inspector.get_check_constraints(name),
                    *inspector.get_foreign_keys(name),
                    inspector.get_pk_constraint(name),
                    inspector.get_table_options(name),
                )
            )
            for name in inspector.get_table_names()
            if name != "alembic_version"
        }
        engine.dispose()
        return tables


def _with_texts(definition: Any) -> dict[str, Any]:
    """Return a definition with the conditions of partial indexes as texts."""
    options = definition.get("dialect_options")
    if not options:
        return dict(definition)
    return {**definition, "dialect_options": {name: str(options[name]) for name in options}}


class _Recording(psycopg.Cursor[Any]):
    """A cursor that writes down what it executes."""

    written: ClassVar[list[Statement]]

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self.written.append((query, params))
        return super().execute(query, params, **options)


class PostgreSQLDatabase:
    """A database on a server."""

    # A flag is no number at all there.
    refusal = (psycopg.IntegrityError, psycopg.errors.DatatypeMismatch)

    def __init__(self, server: Server, database: str) -> None:
        """Keep where it is."""
        self.server = server
        self.database = database
        self.url = server.url(database)
        self.name = server.url(database, password=False)

    def open(self, timeout: float = 30) -> UserStore:
        """Return one more store on it."""
        return UserStore(self.url, timeout=timeout)

    def execute(self, statement: str) -> list[Any]:
        """Return the rows of a statement, which is committed."""
        return self.server.execute(self.database, statement)

    def refuse_sha512(self) -> None:
        """Make every secret of SCRAM-SHA-512 fail."""
        self.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE EXCEPTION 'not today'; END$$",
        )
        self.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON sasl_passwords FOR EACH ROW WHEN "
            "(new.mechanism = 'SCRAM-SHA-512') EXECUTE FUNCTION fail()",
        )

    @contextlib.contextmanager
    def recorded(self) -> Iterator[list[Statement]]:
        """Return the list that statements of new connections are written to."""

        class Recording(_Recording):
            written: ClassVar[list[Statement]] = []

        def connected(connection: psycopg.Connection, _: object) -> None:
            connection.cursor_factory = Recording

        event.listen(Engine, "connect", connected)
        yield Recording.written
        event.remove(Engine, "connect", connected)

    def trace(self, asked: Callable[[], None]) -> None:
        """Call `asked` before each statement of a transaction, until the process ends."""
        for name in ("before_cursor_execute", "commit"):
            event.listen(Engine, name, lambda *_: asked())

    def scans(self, statements: Sequence[Statement]) -> list[str]:
        """Return the plans in which a table is read from one end to the other."""
        plans = []
        with contextlib.closing(self.server.connect(self.database)) as connection:
            connection.execute("SET enable_seqscan = off")
            for text, parameters in statements:
                cursor = psycopg.ClientCursor(connection)
                query = sql.SQL("EXPLAIN ") + sql.SQL(text)
                plan = "\n".join(row[0] for row in cursor.execute(query, parameters))
                if "Seq Scan" in plan:
                    plans.append(f"{text}\n{parameters}\n{plan}")
        return plans

    def definitions(self) -> dict[str, Any]:
        """Return name -> the columns, constraints and indexes of every table."""
        columns = self.execute(
            "SELECT table_name, column_name, data_type, collation_name, is_nullable, "
            "column_default FROM information_schema.columns WHERE table_schema = 'public'",
        )
        constraints = self.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        )
        indexes = self.execute(
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        )
        of_tables: dict[str, Any] = {}
        for table, *rest in sorted((*columns, *constraints, *indexes), key=str):
            if table != "alembic_version":
                of_tables.setdefault(table, []).append(rest)
        return of_tables


Database = SQLiteDatabase | PostgreSQLDatabase
