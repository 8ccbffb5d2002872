"""What is wrong with the text of a USERLIST's URL; opens nothing, and asks no server."""

from __future__ import annotations

import re
from typing import Any

from ualauth.text.lazy_pattern import lazy_pattern

LIKE = "is like neither sqlite:////path nor postgresql://user@host/database"
NO_FILE = "must name a file, as in sqlite:////path"
NO_DATABASE = (
    "is not like postgresql://user@host:5432/database; in a name or a password, characters such "
    "as @ : / ? # % are written as %40 and so on"
)
_SQLITE = lazy_pattern(r"sqlite(?:\+pysqlite)?:///(?!:memory:|file:)[^?]+")
_POSTGRESQL = lazy_pattern(r"postgresql(?:\+psycopg)?:")
_NUMBERS = {
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
}
"""Parameters that libpq reads only when it has connected."""
_NOWHERE = "/nonexistent"
"""A folder of sockets that is not there: libpq reads the parameters before it looks there."""


def mistake_of(text: str) -> str | None:
    """Return what cannot be, as `must be ...`, without the text, which may have a password."""
    if text.startswith(("sqlite:", "sqlite+pysqlite:")):
        return None if _SQLITE.fullmatch(text) else NO_FILE
    if _POSTGRESQL.match(text):
        return _mistake_of_postgresql(text)
    return LIKE


def _mistake_of_postgresql(text: str) -> str | None:
    try:
        from psycopg import Error, pq  # noqa: PLC0415 - it is not always there
        from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415
    except ImportError as error:
        return (
            f"needs psycopg ({error.name or 'libpq'} is missing); "
            "try pip install 'ualauth[postgresql]'"
        )
    try:
        parameters = conninfo_to_dict("postgresql:" + text.partition(":")[2])
    except Error:
        named = _unknown_parameter(text)
        return f"has an unknown parameter {named!r}" if named else NO_DATABASE
    names = [str(parameters.get(name, "")) for name in ("user", "host", "dbname")]
    ports = str(parameters.get("port", "")).split(",")
    # What a password with such characters leaves behind is part of it.
    if any("@" in name for name in names) or not all(port.isdigit() or not port for port in ports):
        return NO_DATABASE
    for name, value in parameters.items():
        if name in _NUMBERS and not re.fullmatch(r"\s*-?\d+\s*", str(value)):
            return f"has a value of the parameter {name!r} that is no whole number"
    hosts = str(parameters.pop("host", None) or parameters.get("hostaddr") or "").split(",")
    parameters.pop("hostaddr", None)
    parameters.pop("service", None)
    rest: dict[str, Any] = dict(parameters)
    conninfo = make_conninfo(**rest, host=",".join([_NOWHERE] * len(hosts)))
    connection = pq.PGconn.connect_start(conninfo.encode())
    said = connection.error_message.decode("utf-8", "replace").strip()
    connection.finish()
    # Its other messages are about the socket; of these, some quote a value.
    wrong = re.match(
        r"invalid \"?(\w+)\"? value|invalid (?:integer value|port number)|could not match", said
    )
    if wrong is None:
        return None
    number = re.search(r'connection option "(\w+)"', said)
    named = wrong[1] or (number[1] if number else "port")
    return f"has a value of the parameter {named!r} that libpq does not know"


def _unknown_parameter(text: str) -> str | None:
    """Return the first parameter whose name libpq does not know; names are no secret."""
    from psycopg.pq import Conninfo  # noqa: PLC0415 - as above

    known = {each.keyword.decode() for each in Conninfo.get_defaults()}
    names = (pair.partition("=")[0] for pair in text.partition("?")[2].split("&"))
    unknown = next((name for name in names if name and name not in known), None)
    return unknown if unknown and re.fullmatch(r"\w{1,40}", unknown) else None
