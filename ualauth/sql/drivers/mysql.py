"""MySQL and MariaDB, by PyMySQL.

PyMySQL has no bound parameters: it writes them into the text, with quotes. So a value is given
as a hexadecimal literal of a known character set, `_utf8mb4 X'6A6F'`: nothing that a client types
ever stands in the text, and nothing in it can end the literal.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any

import pymysql
from pymysql import err
from pymysql.charset import charset_by_name
from pymysql.cursors import SSCursor

from ualauth.sql.drivers.driver import MOST_ROWS, Answer
from ualauth.sql.drivers.sockets import has_ended, shut_down, unix_socket
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

_IN_CLEAR = frozenset({b"mysql_clear_password", b"dialog"})
"""Ways of logging in that send the password as it is."""
_AGAIN = "see whether the server runs and can be reached"
_SEE_LOG = "see the server's log"
_FAULTS: Mapping[int, tuple[type[SqlFault], str, str]] = {
    # https://mariadb.com/kb/en/mariadb-error-code-reference/
    1040: (Unreachable, "it has too many connections", "raise max_connections"),
    1044: (NotLetIn, "the service may not use this database", "GRANT SELECT on the tables"),
    1045: (NotLetIn, "the server does not let the service in", "see user, password_file and host"),
    1049: (NotLetIn, "there is no such database", "see the url"),
    1053: (Lost, "the server is shutting down", _AGAIN),
    1054: (WrongQuery, "there is no such column", "see the query"),
    1064: (WrongQuery, "the query is wrong", "try it with mysql(1)"),
    1129: (Unreachable, "the server has blocked this host after errors", "FLUSH HOSTS there"),
    1130: (NotLetIn, "the server takes no connections from this host", "see the user's host"),
    1142: (NotLetIn, "the service may not read this table", "GRANT SELECT on it to the user"),
    1143: (NotLetIn, "the service may not read this column", "GRANT SELECT on it to the user"),
    1146: (WrongQuery, "there is no such table", "see the query and the url"),
    1203: (Unreachable, "the user has too many connections", "raise max_user_connections"),
    1205: (Locked, "the table is locked", "end what locks it, or try again"),
    1213: (Lost, "the answer was cut off for the sake of another", "try again"),
    1226: (Unreachable, "the user has used up a limit", "see the user's resource limits"),
    1317: (Locked, "the query was ended by another", "try again"),
    1698: (NotLetIn, "the server does not let the service in", "see user and password_file"),
    1792: (WrongQuery, "the query writes, and may only read", "write a SELECT that only reads"),
    1927: (Lost, "the connection was ended by the server", "try again"),
    1969: (Locked, "the answer takes too long, or the table is locked", "see PROCESSLIST"),
    2006: (Lost, "the connection was lost", _AGAIN),
    2013: (Lost, "the connection was lost", _AGAIN),
    2026: (Unreachable, "the connection cannot be encrypted", "see tls, tls_cacertfile"),
    2055: (Lost, "the connection was lost", _AGAIN),
    3024: (Locked, "the answer takes too long, or the table is locked", "see PROCESSLIST"),
    4031: (Lost, "the connection was ended by the server", "try again"),
}
_NAMES_SOMETHING = frozenset({1054, 1064, 1146})
_CANNOT_COMPARE = frozenset({1267, 1270, 1271, 3988, 1300, 1366})
"""A name has characters that the table's character set has not."""


class MysqlConnection(pymysql.Connection):
    """A connection that sends no password as it is where others could read it."""

    def use(self, sock: socket.socket) -> None:
        """Go on with a socket that is connected, and cannot be listened to."""
        self._secure = True
        self.connect(sock)

    def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:  # noqa: ANN401 - the library's
        if plugin_name in _IN_CLEAR and not self._secure:
            raise err.OperationalError(1045, "the server asks for the password in clear text")
        return super()._process_auth(plugin_name, auth_packet)


class Mysql:
    """See `Driver`."""

    def connect(self, address: Address, settings: SqlSettings) -> MysqlConnection:
        """See `Driver.connect`."""
        encrypted = settings.is_encrypted(address)
        try:
            connection = MysqlConnection(
                host=address.host or None,
                port=address.port,
                user=settings.user or None,
                password=settings.password,
                database=settings.database,
                charset=settings.charset,
                connect_timeout=settings.connect_timeout,
                # A little more than the server itself allows, which says more about it.
                read_timeout=settings.query_timeout + 1,
                write_timeout=settings.query_timeout + 1,
                autocommit=True,
                program_name="ualauth",
                local_infile=False,
                ssl=_context(settings) if encrypted else None,
                ssl_disabled=not encrypted,
                defer_connect=True,
            )
            if address.path:
                connection.use(unix_socket(address.path, settings.connect_timeout))
            else:
                connection.connect()
        except (err.MySQLError, OSError) as error:
            fault = self.fault(error, settings)
        else:
            return self._set_up(connection, settings)
        # Raised here: the frames of the first one hold the password.
        raise fault

    def _set_up(self, connection: MysqlConnection, settings: SqlSettings) -> MysqlConnection:
        seconds = max(1, round(settings.query_timeout))
        is_mariadb = "mariadb" in connection.get_server_info().lower()
        limits = (
            f"max_statement_time={settings.query_timeout:g}"
            if is_mariadb
            else f"max_execution_time={max(1, round(settings.query_timeout * 1000))}",
            f"lock_wait_timeout={seconds}",
            f"innodb_lock_wait_timeout={seconds}",
        )
        mode = "@@SESSION.sql_mode"
        # `ualauth.sql.lexing` counts on these.
        for name in ("NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "ANSI"):
            mode = f"REPLACE(CONCAT(',', {mode}, ','), ',{name},', ',')"
        texts = (
            "SET SESSION TRANSACTION READ ONLY",
            f"SET SESSION sql_mode=TRIM(BOTH ',' FROM {mode}), {', '.join(limits)}",
        )
        try:
            with connection.cursor() as cursor:
                for each in texts:
                    cursor.execute(each)
        except BaseException:
            self.close(connection)
            raise
        return connection

    def ask(
        self,
        connection: MysqlConnection,
        statement: Statement,
        values: dict[str, str],
        seconds: float,  # noqa: ARG002 - the connection has them
    ) -> Answer:
        """See `Driver.ask`."""
        charset = charset_by_name(connection.charset)
        try:
            encoded = {name: text.encode(charset.encoding) for name, text in values.items()}
        except UnicodeEncodeError:
            raise NameNotThere from None
        literals = {name: f"_{charset.name} X'{each.hex()}'" for name, each in encoded.items()}
        # One row after another: a query may find them all.
        cursor = connection.cursor(SSCursor)
        try:
            cursor.execute(statement.render(str, literals.__getitem__))
            rows = cursor.fetchmany(MOST_ROWS)
            columns = tuple(each[0] for each in cursor.description or ())
            if len(rows) < MOST_ROWS:
                cursor.close()
            else:
                _forget_rest(cursor)
                self.close(connection)
        except BaseException as error:
            _forget_rest(cursor)
            if _number(error) in _CANNOT_COMPARE and not all(map(str.isascii, values.values())):
                raise NameNotThere from None
            raise
        return Answer(columns, tuple(map(tuple, rows)))

    def is_dead(self, connection: MysqlConnection) -> bool:
        """See `Driver.is_dead`."""
        return not connection.open or has_ended(_fileno(connection))

    def abort(self, connection: MysqlConnection) -> None:
        """See `Driver.abort`."""
        shut_down(_fileno(connection))

    def close(self, connection: MysqlConnection) -> None:
        """See `Driver.close`."""
        # `close` would send a farewell, which may wait.
        connection._force_close()  # noqa: SLF001 - it has no other way

    def fault(self, error: Exception, settings: SqlSettings) -> SqlFault:
        """See `Driver.fault`."""
        if isinstance(error, TimeoutError) or _is_silence(error):
            return TimedOut(f"there is no answer within {settings.query_timeout:g} s", _AGAIN)
        number = _number(error)
        if number == 2003:
            said = str(error.args[1]).removeprefix("Can't connect to MySQL server on ")
            return Unreachable(f"cannot be connected to ({said})", _AGAIN)
        if number is None or number not in _FAULTS:
            if isinstance(error, (err.InternalError, OSError, err.InterfaceError)):
                return Lost("the connection was lost, or what came is no MySQL", _AGAIN)
            if isinstance(error, (err.MySQLError, ValueError, LookupError)):
                told = "" if number is None else f"; error {number}"
                return Unreadable(
                    f"the answer is an error ({type(error).__name__}{told})", _SEE_LOG
                )
            return Unreachable(f"it cannot be used ({type(error).__name__})")
        kind, text, cure = _FAULTS[number]
        # Names of the query, and no values.
        said = (
            f"{error.args[1]}; error {number}" if number in _NAMES_SOMETHING else f"error {number}"
        )
        return kind(f"{text} ({said})", cure)

    def version(self, connection: MysqlConnection) -> str:
        """See `Driver.version`."""
        number = connection.get_server_info()
        return number if "mariadb" in number.lower() else f"MySQL {number}"


def _context(settings: SqlSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if settings.certificate_file:
        context.load_cert_chain(settings.certificate_file, settings.key_file or None)
    return context


def _forget_rest(cursor: SSCursor) -> None:
    """Read no more rows, also not when it is collected as garbage: that could take for ever."""
    result = cursor._result  # noqa: SLF001 - it has no other way
    if result is not None:
        result.unbuffered_active, result.connection = False, None


def _fileno(connection: MysqlConnection) -> int:
    sock = connection._sock  # noqa: SLF001 - it has no other way
    return -1 if sock is None else sock.fileno()


def _number(error: BaseException) -> int | None:
    number = error.args[0] if error.args else None
    return number if isinstance(number, int) else None


def _is_silence(error: Exception) -> bool:
    """Return whether PyMySQL has waited for as long as it may."""
    texts = [str(each) for each in error.args[1:]]
    return _number(error) in {2003, 2013} and any("timed out" in each for each in texts)
