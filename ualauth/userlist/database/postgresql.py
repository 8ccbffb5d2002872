"""A USERLIST in a database of PostgreSQL, or of what speaks its protocol.

URLs are libpq's (PostgreSQL, section 34.1.1.2), with all of its parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, Table, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from ualauth.errors import ConfigurationError, StoreError, UalauthError
from ualauth.userlist.database.backend import (
    LONGEST,
    Backend,
    original_of,
    quiet_engine,
    taken,
    unusable,
)
from ualauth.userlist.database.loading import copy_rows

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    from ualauth.userlist.database import postgresql_errors as faults
    from ualauth.userlist.database.postgresql_servers import Parameters, Servers
except ImportError as error:
    raise ConfigurationError(
        f"url of the USERLIST: PostgreSQL needs psycopg ({error.name or 'libpq'} is missing); "
        "try pip install 'ualauth[postgresql]'",
    ) from None

# Any number that no other program uses: the octets of "ualauth".
_CREATION_LOCK = int.from_bytes(b"ualauth", "big")
_AT_A_TIME = 5000
"""Rows of one COPY."""

_NO_URL = (
    "url of the USERLIST: is not like postgresql://user@host:5432/database; in a name or a "
    "password, characters such as @ : / ? # % are written as %40 and so on"
)


class PostgreSQLBackend(Backend):
    """A database on one server, or on a primary and its replicas."""

    failures = (*Backend.failures, psycopg.Error)

    def __init__(self, url: str, timeout: float) -> None:
        """Read `postgresql://[user@][host[:port],...][/database][?parameters]`.

        Raises:
            ConfigurationError: for anything else; the text never shows the URL,
                which may have a password.

        """
        super().__init__(timeout)
        self._text = url
        parameters = _read_url(url)
        self.name = _name(parameters)
        self.url = URL.create("postgresql+psycopg", database=parameters.get("dbname"))
        self._servers = Servers(parameters, timeout)

    def new_engine(self, *, writing: bool) -> Engine:
        """See `Backend.new_engine`."""
        options: dict[str, Any]
        if writing:
            options = {
                "creator": self._servers.connect_to_write,
                "pool_pre_ping": True,
                "max_overflow": -1,
            }
        else:
            # `Database` keeps idle ones; in place of a lost one it needs a new one.
            options = {"creator": self._servers.connect_to_read, "poolclass": NullPool}
        engine = quiet_engine(f"{_Dialect.name}+ualauth://", use_native_hstore=False, **options)
        event.listen(engine, "begin", _begin)
        if self.read_only:
            event.listen(engine, "connect", _refuse_changes)
        return engine

    def new_creating_engine(self) -> Engine:
        """See `Backend.new_creating_engine`: the database itself must exist."""
        engine = self.new_engine(writing=True)
        event.listen(engine, "begin", self._begin_creation)
        return engine

    def fault(self, error: Exception) -> UalauthError:
        """See `Backend.fault`; nothing is chained."""
        original = original_of(error)
        if faults.is_taken(original):
            return taken()
        if not isinstance(original, psycopg.Error):
            return unusable(self.name, original)
        return StoreError(f"{self.name}: {faults.cure_of(original, self.timeout)}")

    def is_lost(self, error: Exception) -> bool:
        """See `Backend.is_lost`."""
        return faults.is_lost(original_of(error))

    def is_conflict(self, error: Exception) -> bool:
        """See `Backend.is_conflict`."""
        return faults.is_conflict(original_of(error))

    def is_outdated(self, connection: Connection) -> bool:
        """See `Backend.is_outdated`: replicas are read from no longer than needed."""
        driver: Any = connection.connection.dbapi_connection
        return self._servers.is_outdated(driver)

    snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def newest_id(self, table: Table) -> str:
        """See `Backend.newest_id`."""
        return f"SELECT last_value FROM {table.name}_id_seq WHERE is_called"  # noqa: S608 - ours

    def stream(self, driver: Any) -> AbstractContextManager[Any]:  # noqa: ANN401 - of the driver
        """See `Backend.stream`."""
        cursor: AbstractContextManager[Any] = driver.cursor(name="ualauth")
        return cursor

    def fill(
        self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]
    ) -> Iterator[int]:
        """See `Backend.fill`: by COPY."""
        columns = [column.name for column in table.columns]
        number, rows = 0, iter(rows)
        while some := list(islice(rows, _AT_A_TIME)):
            copy_rows(connection, table, columns, some)
            number += len(some)
            yield number

    def use_no_id_again(self, connection: Connection, table: Table, newest: int) -> None:
        """See `Backend.use_no_id_again`."""
        connection.exec_driver_sql(
            "SELECT setval(%(sequence)s, %(value)s, %(is_called)s)",
            {
                "sequence": f"{table.name}_id_seq",
                "value": max(newest, 1),
                "is_called": newest > 0,
            },
        )

    def for_creation(self) -> Backend:
        """See `Backend.for_creation`: with more time, which large tables take."""
        return PostgreSQLBackend(self._text, max(self.timeout, LONGEST))

    def _begin_creation(self, connection: Connection) -> None:
        # It ends with the transaction.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})")
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise StoreError(
                f"{self.name}: cannot hold every character, since its encoding is {encoding}: "
                "create the database with ENCODING 'UTF8' TEMPLATE template0",
            )


class _Dialect(PGDialect_psycopg):
    """PostgreSQL's dialect, for other servers of its protocol too."""

    supports_statement_cache = True
    collates = True
    has_row_security = True

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        # `version()` is PostgreSQL's own; every server says whose ways it has.
        driver: Any = connection.connection.dbapi_connection
        # It orders text by octets, and has no column with another order or "C".
        self.collates = driver.info.parameter_status("crdb_version") is None
        self.has_row_security = self.collates
        version: int = driver.info.server_version
        return divmod(version, 10000)


registry.register(f"{_Dialect.name}.ualauth", __name__, _Dialect.__name__)


def _refuse_changes(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's connection
    connection.execute("SET default_transaction_read_only = on")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN ISOLATION LEVEL READ COMMITTED")


def _read_url(text: str) -> Parameters:
    """Return libpq's parameters."""
    try:
        parameters = conninfo_to_dict("postgresql:" + text.partition(":")[2])
    except psycopg.Error:
        raise ConfigurationError(_NO_URL) from None
    # What a password with such characters leaves behind is part of it.
    names = [str(parameters.get(name, "")) for name in ("user", "host", "dbname")]
    ports = str(parameters.get("port", "")).split(",")
    if any("@" in name for name in names) or not all(port.isdigit() or not port for port in ports):
        raise ConfigurationError(_NO_URL)
    return parameters


def _name(parameters: Parameters) -> str:
    """Return the URL without a password and parameters."""
    user = f"{quote(str(parameters['user']))}@" if "user" in parameters else ""
    hosts = str(parameters.get("host") or parameters.get("hostaddr") or "").split(",")
    ports = str(parameters.get("port", "")).split(",")
    servers = [
        quote(host, safe="[]:/") + (f":{port}" if port else "")
        for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=False)
    ]
    return f"postgresql://{user}{','.join(servers)}/{quote(str(parameters.get('dbname', '')))}"
