"""What a driver does, and what a database answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from ualauth.sql.faults import SqlFault
from ualauth.sql.settings import Address, SqlSettings
from ualauth.sql.statement import Statement

DriverConnection: TypeAlias = Any
"""A connection of a library, which its driver alone looks into."""

MOST_ROWS = 2
"""Rows that are fetched: a second one is one too many."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns that a query gave, and at most `MOST_ROWS` rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)


class Driver(Protocol):
    """One library; all methods may be called by many threads, one at a time for a connection."""

    def connect(self, address: Address, settings: SqlSettings) -> DriverConnection:
        """Return a connection that can only read; blocks."""
        ...

    def ask(
        self,
        connection: DriverConnection,
        statement: Statement,
        values: dict[str, str],
        seconds: float,
    ) -> Answer:
        """Return the answer to a query; blocks.

        Raises:
            NameNotThere: if the database has no character of a name.

        """
        ...

    def is_dead(self, connection: DriverConnection) -> bool:
        """Return whether an unused connection has ended, as far as that is known without asking."""
        ...

    def abort(self, connection: DriverConnection) -> None:
        """End what another thread waits for; never waits and never raises."""
        ...

    def close(self, connection: DriverConnection) -> None:
        """Close a connection; never waits for the server, and never raises."""
        ...

    def fault(self, error: Exception, settings: SqlSettings) -> SqlFault:
        """Return what an error of the library amounts to; its text has no values."""
        ...

    def version(self, connection: DriverConnection) -> str:
        """Return what the server is, for an administrator; blocks."""
        ...
