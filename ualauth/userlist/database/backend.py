"""Where a USERLIST is, and what differs from one kind of database to another.

Each kind has a file of its own, and a row in `database.BACKENDS`.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ualauth.errors import NameTaken, StoreError, UalauthError

NO_USERLIST = "holds no USERLIST: create it with `ualauth init`"
LONGEST = 600.0
"""Seconds for a statement that makes or writes tables of all users."""
_LOG_NAME = "ualauth"


class Backend(ABC):
    """Where a USERLIST is: `name` for people, without a password; opens nothing."""

    name: str
    url: URL
    """Tells the kind; it may lack what only the place itself needs to know."""
    failures: tuple[type[Exception], ...] = (SQLAlchemyError, OSError)
    """What the database raises if it cannot be used."""
    read_only: bool = False
    """Whether its connections refuse changes."""
    calls: AbstractContextManager[None] = nullcontext()
    """What every call of its library is made in."""

    def __init__(self, timeout: float) -> None:
        """Wait for `timeout` seconds: for other programs' locks, and for an answer."""
        self.timeout = timeout

    @abstractmethod
    def new_engine(self, *, writing: bool) -> Engine:
        """Return an engine to write or to read with, which creates no database.

        Its connections begin a transaction where `Connection.begin` says so,
        and are in none otherwise.
        """

    @abstractmethod
    def new_creating_engine(self) -> Engine:
        """Return an engine to create or upgrade tables with, one program at a time.

        Makes what has to be there before, if that can be made.

        Raises:
            StoreError: if that is not possible.

        """

    @abstractmethod
    def fault(self, error: Exception) -> UalauthError:
        """Return what to raise in place of one of `failures`: its text names the cure.

        No text shows values, neither parameters of statements nor columns, and
        nothing is chained that may. Raise it outside of the handler of `error`,
        which would become its context, with whatever that quotes.
        """

    def is_lost(self, error: Exception) -> bool:  # noqa: ARG002 - of those who have servers
        """Tell whether only the connection failed: a new one may do."""
        return False

    def is_conflict(self, error: Exception) -> bool:  # noqa: ARG002 - likewise
        """Tell whether a transaction was undone for another's sake, and may be repeated."""
        return False

    def is_outdated(self, connection: Connection) -> bool:  # noqa: ARG002 - likewise
        """Tell whether an idle connection should not be read from any more."""
        return False

    path: str | None = None
    """The file, if it is one."""

    # Copying all that there is

    snapshot = "BEGIN"
    """Begins a transaction that reads the database as it is at its first question."""

    @abstractmethod
    def newest_id(self, table: Table) -> str:
        """Return what asks for the highest `id` that a table ever had; no row if there is none."""

    @abstractmethod
    def stream(self, driver: Any) -> AbstractContextManager[Any]:  # noqa: ANN401 - of the driver
        """Return a cursor of a driver's connection that fetches rows as they are asked for."""

    @abstractmethod
    def fill(
        self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]
    ) -> Iterator[int]:
        """Insert rows with all columns, as the fastest way goes; yield how many are in by now."""

    @abstractmethod
    def use_no_id_again(self, connection: Connection, table: Table, newest: int) -> None:
        """Give new rows of a table ids that are higher than `newest`."""

    def warnings(self) -> list[tuple[str, str]]:
        """Return what an administrator should know of it: texts, each with a cure."""
        return []

    def for_creation(self) -> Backend:
        """Return the place as who creates or upgrades tables sees it."""
        return self


def quiet_engine(url: str | URL, **options: Any) -> Engine:  # noqa: ANN401 - of create_engine
    """Return an engine that never shows values."""
    return create_engine(
        url,
        hide_parameters=True,
        logging_name=_LOG_NAME,
        **options,
    )


# At DEBUG, SQLAlchemy logs rows, and those have hashes in them.
logging.getLogger(f"sqlalchemy.engine.Engine.{_LOG_NAME}").setLevel(logging.WARNING)


def original_of(error: Exception) -> BaseException | None:
    """Return the driver's error behind one of SQLAlchemy's, or the error itself."""
    return error.orig if isinstance(error, DBAPIError) else error


def taken() -> NameTaken:
    """Return what is raised if a constraint says that something is another user's."""
    return NameTaken("another user has that authid, address, O/R name or UNIX uid")


def unusable(name: str, error: BaseException | None) -> StoreError:
    """Return what is raised if nothing is known but the kind of error."""
    return StoreError(f"{name}: cannot be used ({type(error).__name__})")
