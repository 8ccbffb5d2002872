"""Why a database could not say: none of these tells anything about a password or a user.

    SqlFault
    ├── Unreachable        no server takes connections
    │   └── Lost           a connection ended before the answer came
    ├── TimedOut           a server does not answer in time
    │   ├── Locked         the server itself says that it takes too long, or a table is locked
    │   └── Busy           all connections are in use
    ├── NotLetIn           the server does not let the service in, or not to these tables
    ├── WrongQuery         the server does not understand the query: a table, a column, the syntax
    └── Unreadable         what came cannot be read

The texts are for the administrator; they hold no secrets, and no values of rows.
"""

from __future__ import annotations

import copy
from typing import ClassVar, Self

from ualauth.errors import UalauthError


class SqlFault(UalauthError):
    """A database could not be asked, or did not answer; `server` is its name, or empty."""

    is_of_server: ClassVar[bool] = True
    """Whether another server may answer where this one did not."""
    counts: ClassVar[bool] = True
    """Whether the server is not well."""

    def __init__(self, text: str, cure: str = "", server: str = "") -> None:
        """Say what happened, what mends it, and where it was."""
        super().__init__(text, cure, server)
        self.text = text
        self.cure = cure
        self.server = server

    def __str__(self) -> str:
        """Return where, what and the cure."""
        text = f"{self.server}: {self.text}" if self.server else self.text
        return f"{text}: {self.cure}" if self.cure else text

    def again(self) -> Self:
        """Return the same to be raised once more, without the memory of the first time."""
        fault = copy.copy(self)
        fault.server = self.server
        return fault

    def at(self, server: str) -> Self:
        """Return the same with the name of the server."""
        fault = self.again()
        fault.server = server
        return fault


class Unreachable(SqlFault):
    """No connection can be made."""


class Lost(Unreachable):
    """The connection ended before the whole answer was there."""


class TimedOut(SqlFault):
    """No answer came in time."""


class Locked(TimedOut):
    """The server answers that the answer takes too long, or that a table is locked."""

    counts = False


class Busy(TimedOut):
    """So many are being asked that none could be asked in time."""

    counts = False


class NotLetIn(SqlFault):
    """The server does not take the service's name and password, or not for these tables."""

    counts = False


class WrongQuery(SqlFault):
    """The server does not understand the query."""

    is_of_server = False
    counts = False


class Unreadable(SqlFault):
    """The answer has something that cannot be read, or is ambiguous."""

    is_of_server = False
    counts = False


class NameNotThere(Exception):
    """The database cannot even write the name that was asked for: it is no user's."""
