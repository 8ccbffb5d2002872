"""The mail nodes that users and groups have, by indexes, however many users there are.

Each question for a mail node of users begins behind the last one, so that there are as many
questions as mail nodes. All mail nodes of groups are one.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from sqlalchemy import Select, bindparam, false, select, tuple_

from ualauth.userlist.database.database import Database
from ualauth.userlist.database.tables import companies, groups, or_names, users

_UNITS = ("ou1", "ou2", "ou3", "ou4")

Units = tuple[str, ...]


class MailNodes(NamedTuple):
    """OU1 to OU4, as many as there are, as some record at each mail node has them.

    None is there for records without a mail node. Those of users are there once each, those of
    groups once for each way in which they are written.
    """

    of_users: list[Units]
    of_groups: list[Units]


def mail_nodes(database: Database, *, with_hidden: bool) -> MailNodes:
    """Return the mail nodes; those of hidden users alone only `with_hidden`.

    Raises:
        StoreError: if the database cannot be used.

    """
    after: dict[str, object] = dict.fromkeys(_UNITS, "")
    of_users: list[Units] = []
    if not database.view.is_server_wide:
        # The mail node of a company is there without a user, too.
        for name, key in database.read(_OWN, {}):
            of_users.append((name,))
            after |= {"ou1": key}
    question = _next_node(with_hidden=with_hidden, in_company=not database.view.is_server_wide)
    while rows := database.read(question, after):
        keys, written = rows[0][:4], rows[0][4:]
        after = dict(zip(_UNITS, keys, strict=True))
        of_users.append(tuple(filter(None, written)))
    rows = database.read(_of_groups(), {})
    return MailNodes(of_users, [units for row in rows if (units := tuple(filter(None, row)))])


_OWN = select(companies.c.name, companies.c.name_key)


@cache
def _next_node(*, with_hidden: bool, in_company: bool) -> Select[tuple[object, ...]]:
    """Return the question for the first user behind the mail node `:ou1` to `:ou4`.

    With `in_company`, it is one with the same OU1.
    """
    keys = [or_names.c[f"{unit}_key"] for unit in _UNITS]
    is_shown = [] if with_hidden else [users.c.hidden == false()]
    first = 1 if in_company else 0
    is_next = tuple_(*keys[first:]) > tuple_(*(bindparam(unit) for unit in _UNITS[first:]))
    is_inside = [keys[0] == bindparam("ou1")] if in_company else []
    return (
        select(*keys, *(users.c[unit] for unit in _UNITS))
        .select_from(or_names.join(users, users.c.id == or_names.c.user_id))
        .where(*is_inside, is_next, *is_shown)
        .order_by(*keys)
        .limit(1)
    )


@cache
def _of_groups() -> Select[tuple[object, ...]]:
    return select(*(groups.c[unit] for unit in _UNITS)).distinct()
