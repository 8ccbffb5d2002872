"""Last logins in the database; what changes them works in a transaction of its caller."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Text, bindparam, or_, select

from ualauth.userlist.database.rows import Row, microseconds
from ualauth.userlist.database.rows import moment as time_of
from ualauth.userlist.database.tables import last_logins, users
from ualauth.userlist.record import LastLogin

_MICROSECOND = timedelta(microseconds=1)


def last_login_of(row: Row) -> LastLogin | None:
    """Return what a moment, a service and a source say; `None` if there is no moment."""
    moment, service, source = row
    return None if moment is None else LastLogin(time_of(moment), service, source)


def due(
    logins: Mapping[int, LastLogin], noted: Iterable[Row], every: timedelta
) -> dict[int, LastLogin]:
    """Return the logins that are to be noted; `noted` are ids and moments.

    One of a time to come was noted by a clock that was wrong, and holds for no longer.
    """
    moments = {row[0]: time_of(row[1]) for row in noted}
    return {
        number: login
        for number, login in logins.items()
        if number not in moments or abs(login.time - moments[number]) >= every
    }


def note(connection: Connection, logins: Mapping[int, LastLogin], every: timedelta) -> None:
    """Note logins of users who are there, unless another process has noted one within `every`."""
    rows = [
        {
            "id": number,
            "moment": microseconds(login.time),
            "service": login.service,
            "source": login.source,
            "before": microseconds(login.time - every),
            "after": microseconds(login.time + every),
        }
        # In one order, so that no two transactions wait for each other.
        for number, login in sorted(logins.items())
    ]
    if rows:
        connection.execute(_upsert(connection.dialect.name), rows)


@functools.cache
def _upsert(dialect: str) -> Any:  # noqa: ANN401 - the two have the same methods, and no class
    table = last_logins
    values = select(
        users.c.id,
        bindparam("moment", type_=BigInteger),
        bindparam("service", type_=Text),
        bindparam("source", type_=Text),
    ).where(users.c.id == bindparam("id", type_=Integer))
    columns = ["user_id", "moment", "service", "source"]
    # Only the dialect that is used is loaded.
    statement = importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    statement = statement.from_select(columns, values, include_defaults=False)
    return statement.on_conflict_do_update(
        index_elements=[table.c.user_id],
        set_={name: statement.excluded[name] for name in columns[1:]},
        where=or_(
            table.c.moment <= bindparam("before", type_=BigInteger),
            table.c.moment >= bindparam("after", type_=BigInteger),
        ),
    )
