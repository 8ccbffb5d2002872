"""PostgreSQL, and what speaks its protocol, by psycopg."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from ualauth.sql.drivers.driver import MOST_ROWS, Answer
from ualauth.sql.drivers.sockets import has_ended, shut_down
from ualauth.sql.faults import (
    Locked,
    Lost,
    NameNotThere,
    NotLetIn,
    SqlFault,
    TimedOut,
    Unreachable,
    Unreadable,
    WrongQuery,
)
from ualauth.sql.settings import Address, SqlSettings
from ualauth.sql.statement import Statement
from ualauth.userlist.database.postgresql_errors import NoAnswer
from ualauth.userlist.database.postgresql_servers import Connection

_AS_TEXT = ("date", "timestamp", "timestamptz")
"""Types that have values which Python's have no room for, such as `infinity`."""
_SOCKET = re.compile(r"(?P<folder>/.*)/\.s\.PGSQL\.(?P<port>\d{1,5})")
_LEAST_TO_CONNECT = 2
"""Seconds: psycopg takes less for this."""
_STARTS = "it is starting, stopping or in recovery, and takes no connections"
_AGAIN = "see whether the server is to run, and try again"
_FAULTS: Mapping[str, tuple[type[SqlFault], str, str]] = {
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    "08": (Lost, "the connection was lost", "see whether the server runs and can be reached"),
    "22": (Unreadable, "a value of the query or of the table does not fit", "see the server's log"),
    "25006": (WrongQuery, "the query writes, and may only read", "write a SELECT that only reads"),
    "28": (NotLetIn, "the server does not let the service in", "see pg_hba.conf, user, password"),
    "3D": (NotLetIn, "there is no such database", "see the url"),
    "3F": (WrongQuery, "there is no such schema", "see the query and search_path"),
    "40": (Lost, "the answer was cut off for the sake of another", "try again"),
    "42501": (NotLetIn, "the service may not read this table", "GRANT SELECT on it to the user"),
    "42P01": (WrongQuery, "there is no such table", "see the query and search_path"),
    "42703": (WrongQuery, "there is no such column", "see the query"),
    "42": (WrongQuery, "the query is wrong", "try it with psql(1)"),
    "53300": (Unreachable, "it has too many connections", "raise max_connections, or use a pooler"),
    "53": (Unreachable, "it has too little memory or room", "see its log"),
    "55P03": (Locked, "the table is locked", "end what locks it, or try again"),
    "57014": (
        Locked,
        "the answer takes too long, or the table is locked",
        "see pg_stat_activity",
    ),
    "57P": (Lost, _STARTS, _AGAIN),
    "58": (Unreachable, "it cannot read its files", "see its log"),
    "XX": (Unreachable, "it met damaged data, or a mistake of its own", "see its log"),
}
_CONNECTING: tuple[tuple[str, type[SqlFault], str], ...] = (
    (
        r"password authentication failed|no password supplied",
        NotLetIn,
        "see user and password_file",
    ),
    (r"pg_hba\.conf|authentication failed|role .* does not exist", NotLetIn, "see pg_hba.conf"),
    (r"database .* does not exist", NotLetIn, "see the url"),
    (r"starting up|shutting down|recovery|not accepting|not yet", Unreachable, _AGAIN),
    (r"certificate|SSL|TLS", Unreachable, "see tls_cacertfile and the server's certificate"),
    (r"timeout|timed out", TimedOut, "see whether the server can be reached"),
)
"""English texts of servers and libpq; a server may speak another language."""


class PostgreSQL:
    """See `Driver`."""

    def connect(self, address: Address, settings: SqlSettings) -> Connection:
        """See `Driver.connect`."""
        milliseconds = max(1, round(settings.query_timeout * 1000))
        parameters: dict[str, Any] = {
            **_where(address),
            "dbname": settings.database,
            "application_name": "ualauth",
            "client_encoding": "UTF8",
            "connect_timeout": max(_LEAST_TO_CONNECT, math.ceil(settings.connect_timeout)),
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": milliseconds,
            # `ualauth.sql.lexing` counts on the strings.
            "options": f"-c default_transaction_read_only=on -c statement_timeout={milliseconds} "
            "-c standard_conforming_strings=on -c DateStyle=ISO",
            **_encryption(address, settings),
        }
        for name in ("user", "password"):
            if value := getattr(settings, name):
                parameters[name] = value
        try:
            connection = Connection.connect(autocommit=True, prepare_threshold=None, **parameters)
        except psycopg.Error as error:
            fault = _cannot_connect(str(error))
        else:
            for each in _AS_TEXT:
                connection.adapters.register_loader(each, TextLoader)
            return connection
        # Raised here: the frames of the first one hold the password.
        raise fault

    def ask(
        self, connection: Connection, statement: Statement, values: dict[str, str], seconds: float
    ) -> Answer:
        """See `Driver.ask`."""
        # A little more than the server itself allows, which says more about it.
        connection.patience = seconds + 1
        text = statement.render(lambda sql: sql.replace("%", "%%"), lambda name: f"%({name})s")
        rows: list[tuple[Any, ...]] = []
        cursor = connection.cursor()
        # One row after another: a query may find them all.
        stream: Any = cursor.stream(text.encode(), values)
        try:
            for row in stream:
                rows.append(tuple(row))
                if len(rows) == MOST_ROWS:
                    # Reading the rest could take for ever.
                    connection.close()
                    stream.close()
                    break
            columns = tuple(each.name for each in cursor.description or ())
        except psycopg.Error as error:
            if error.sqlstate in {"22P05", "22021"} and not all(map(str.isascii, values.values())):
                # Its encoding has no such character.
                raise NameNotThere from None
            raise
        return Answer(columns, tuple(rows))

    def is_dead(self, connection: Connection) -> bool:
        """See `Driver.is_dead`."""
        return connection.closed or has_ended(connection.fileno())

    def abort(self, connection: Connection) -> None:
        """See `Driver.abort`."""
        if not connection.closed:
            shut_down(connection.fileno())

    def close(self, connection: Connection) -> None:
        """See `Driver.close`."""
        connection.close()

    def fault(self, error: Exception, settings: SqlSettings) -> SqlFault:
        """See `Driver.fault`."""
        if isinstance(error, NoAnswer):
            return TimedOut(f"there is no answer within {settings.query_timeout:g} s", _AGAIN)
        if not isinstance(error, psycopg.Error):
            return Unreachable(f"it cannot be used ({type(error).__name__})")
        state = error.sqlstate
        if state is None:
            if isinstance(error, psycopg.OperationalError):
                return Lost("the connection was lost", _AGAIN)
            return Unreadable(f"a value cannot be read ({type(error).__name__})")
        beginnings = [state[:length] for length in range(len(state), 1, -1)]
        entry = next((_FAULTS[each] for each in beginnings if each in _FAULTS), None)
        kind, text, cure = entry or (Unreachable, "it cannot be used", "see its log")
        # Names of the query, and no values.
        name = error.diag.message_primary if state.startswith("42") and kind is WrongQuery else None
        said = f"SQLSTATE {state}" if name is None else f"{name}; SQLSTATE {state}"
        return kind(f"{text} ({said})", cure)

    def version(self, connection: Connection) -> str:
        """See `Driver.version`."""
        number = connection.info.parameter_status("server_version") or "?"
        return f"PostgreSQL {number.split()[0]}"


def _where(address: Address) -> dict[str, Any]:
    """Return libpq's parameters for a host, or a socket by its folder or its own path."""
    socket = _SOCKET.fullmatch(address.path)
    if socket is not None:
        return {"host": socket["folder"], "port": int(socket["port"])}
    return {"host": address.path or address.host} | ({"port": address.port} if address.port else {})


def _encryption(address: Address, settings: SqlSettings) -> dict[str, str]:
    """Return libpq's parameters for TLS (PostgreSQL, section 34.19)."""
    if not settings.is_encrypted(address):
        return {"sslmode": "disable", "gssencmode": "disable"}
    named = {
        "sslcert": settings.certificate_file,
        "sslkey": settings.key_file or settings.certificate_file,
    }
    files = {name: path for name, path in named.items() if path}
    if not settings.verify:
        return {"sslmode": "require", "gssencmode": "disable", **files}
    root = settings.ca_file or "system"
    return {"sslmode": "verify-full", "sslrootcert": root, "gssencmode": "disable", **files}


def _cannot_connect(text: str) -> SqlFault:
    # libpq gives each address of a host a line.
    said = " ".join(text.split())
    for pattern, kind, cure in _CONNECTING:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"cannot be connected to ({said})", cure)
    return Unreachable(f"cannot be connected to ({said})", "see whether it runs and can be reached")
