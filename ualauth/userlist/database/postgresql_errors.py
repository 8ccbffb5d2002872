"""What PostgreSQL and libpq say went wrong, and the cure.

Once a connection stands, errors have an SQLSTATE, and texts that may quote a
row: only the former is used. Errors in connecting have nothing but libpq's
text; it quotes no more than names of hosts, users and databases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg

from ualauth.userlist.database.backend import NO_USERLIST

_AWAY = "is shutting down or starting: see whether its server is to run, and try again"
_LOST = "the connection was lost: see whether the server runs and can be reached"
_RIGHTS = (
    "this role may not use the tables: grant it SELECT, INSERT, UPDATE and DELETE on them, "
    "and USAGE on the sequences"
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
# The longest beginning of an SQLSTATE counts.
_CURES: Mapping[str, str] = {
    "08": _LOST,
    "0A": "this server lacks something that ualauth needs: use PostgreSQL 12 or later",
    "22P05": "cannot hold every character: create the database with ENCODING 'UTF8'",
    "25006": "may only be read: this server is a standby, or set to be; name the primary too",
    "28": "does not let this role in: see pg_hba.conf, the role and its password",
    "3D000": "does not exist: create it with createdb",
    "3F000": "has no schema to create tables in: see search_path",
    "40": "too many others change the same at once: try again",
    "42501": _RIGHTS,
    "42P01": NO_USERLIST,
    "42703": NO_USERLIST,
    "53": "its server has too little memory or room: see its log",
    "53100": "cannot grow, since the disk is full: make room on it",
    "53300": "has too many connections: raise max_connections, or use a pooler",
    "55P03": "is locked by another program for longer than {timeout} s: end that, or try again",
    "57014": "did not answer within {timeout} s: see pg_stat_activity for what keeps it busy",
    "57P": _AWAY,
    "58": "its server cannot read or write: see whether its disk is full or broken",
    "XX": "its server met damaged data, or a mistake of its own: see its log",
}

_CONNECTING = (
    (r"password authentication failed|no password supplied", "see the role's password and .pgpass"),
    (r"no pg_hba\.conf entry|authentication failed", "let this role in, in pg_hba.conf"),
    (r"role .* does not exist", "create the role with createuser"),
    (r"database .* does not exist", "create it with createdb"),
    (r"too many|remaining connection slots", "raise max_connections, or use a pooler"),
    (r"starting up|shutting down", "try again when it runs"),
    (r"read-only", "no server of the URL takes changes: see where the primary is"),
    (r"certificate|SSL", "see sslmode, sslrootcert and the server's certificate"),
)
"""English texts of servers and libpq, and the cure; a server may speak another language."""

_LOST_STATES = ("08", "57P01", "57P02", "57P03", "57P05")
_CONFLICTS = ("40001", "40P01")


class NoAnswer(psycopg.OperationalError):
    """The server took longer than it may; the connection is closed."""


class CannotConnect(psycopg.OperationalError):
    """No server could be connected to; the text says why, for each."""


def cure_of(error: psycopg.Error, timeout: float) -> str:
    """Return what to say of an error; `timeout` is how many seconds a server has."""
    if isinstance(error, CannotConnect):
        return _cure_of_connecting(error)
    if isinstance(error, NoAnswer):
        return _CURES["57014"].format(timeout=timeout)
    state = error.sqlstate
    if state is None:
        lost = isinstance(error, psycopg.OperationalError)
        return _CURES["08"] if lost else f"cannot be used ({type(error).__name__})"
    beginnings = [state[:length] for length in range(len(state), 1, -1)]
    cure = next((_CURES[each] for each in beginnings if each in _CURES), "cannot be used")
    return f"{cure.format(timeout=timeout)} (SQLSTATE {state})"


def _cure_of_connecting(error: CannotConnect) -> str:
    # libpq gives each server a line.
    text = " ".join(str(error).split())
    for pattern, cure in _CONNECTING:
        if re.search(pattern, text, re.IGNORECASE):
            return f"cannot be connected to: {cure} ({text})"
    return f"cannot be connected to: see whether its server runs and can be reached ({text})"


def is_lost(error: BaseException | None) -> bool:
    """Tell whether a connection ended, or its server no longer answers."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_LOST_STATES)


def is_conflict(error: BaseException | None) -> bool:
    """Tell whether a transaction was undone for another's sake."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _CONFLICTS


def is_taken(error: BaseException | None) -> bool:
    """Tell whether a constraint says that something is another user's."""
    return isinstance(error, psycopg.Error) and error.sqlstate == "23505"
