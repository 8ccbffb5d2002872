"""Whose a user or group is, and which names it may have: looked at with each change.

A user or group belongs to the company that its mail node (OU1) is. Names that a company has
carry its domain, and no other's: so no name of one company is ever taken for one of another, and
that a name is taken tells a company nothing of others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, delete, func, select

from ualauth.errors import InvalidValue
from ualauth.text.folding import fold
from ualauth.userlist.companies.record import domain_of
from ualauth.userlist.database.tables import (
    HOSTING,
    companies,
    company_domains,
    group_users,
    groups,
    keys,
    users,
)
from ualauth.userlist.database.view import View, view_of
from ualauth.userlist.group_record import NewGroup
from ualauth.userlist.names import ORName
from ualauth.userlist.record import User

_ADDING = int.from_bytes(b"comp", "big")
"""Any number that no other program uses."""
_IS_HOSTING = select(func.count()).where(keys.c.name == HOSTING)
_NAMED = select(companies.c.id, companies.c.name, companies.c.deleted).where(
    companies.c.name_key == bindparam("ou1")
)
_DOMAINS = select(company_domains.c.key, company_domains.c.company_id).where(
    company_domains.c.key.in_(bindparam("domains", expanding=True))
)


class Placeable(Protocol):
    """What is looked at of a user: a `NewUser`, or what an import has of one."""

    @property
    def authid(self) -> str:
        """See `NewUser`."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """See `NewUser`."""
        ...

    @property
    def name(self) -> ORName:
        """See `NewUser`."""
        ...

    @property
    def unix_uid(self) -> int | None:
        """See `NewUser`."""
        ...


def place_user(connection: Connection, new: Placeable, old: User | None = None) -> int | None:
    """Return the id of the company that a user will be of, or `None` for the server's own.

    What is as it was in `old` is not looked at, unless the company is another one.

    Raises:
        InvalidValue: for a name that a user of this company cannot have, and for one who is
            one more than it may have.

    """
    company = check_place(connection, new, old)
    if company is not None and (old is None or old.company_id != company):
        check_limit(connection, company, 1)
    return company


def check_place(connection: Connection, new: Placeable, old: User | None = None) -> int | None:
    """Return the same as `place_user` does, whatever the number of users may be.

    Raises:
        InvalidValue: for a name that a user of this company cannot have.

    """
    view = view_of(connection)
    if view.is_server_wide and not is_hosting(connection):
        return None
    company = _company_of(connection, view, new.name.ou1)
    names = (new.authid, *new.addresses)
    if old is not None and old.company_id == company:
        names = tuple(sorted({*names} - {old.authid, *old.addresses}))
    _check_names(connection, view, company, names)
    if not view.is_server_wide and new.unix_uid != (old.unix_uid if old else None):
        raise InvalidValue("UNIX uid: the server's administrator alone gives one")
    return company


def company_of_node(connection: Connection, ou1: str) -> int | None:
    """Return the id of the company of a mail node; `None` without one, and without hosting.

    Raises:
        InvalidValue: if it is no company's, or that of a deleted one.

    """
    if not is_hosting(connection):
        return None
    return _company_of(connection, view_of(connection), ou1)


def with_mail_node(connection: Connection, new: NewGroup) -> NewGroup:
    """Return a group with the mail node of the company that adds it, if it is given none."""
    if view_of(connection).is_server_wide or new.or_name.ou1:
        return new
    name = connection.scalar(select(companies.c.name))
    return dataclasses.replace(new, or_name=dataclasses.replace(new.or_name, ou1=str(name)))


def place_group(connection: Connection, new: NewGroup, old_names: Iterable[str] = ()) -> int | None:
    """Return the id of the company that a group will be of; otherwise as `place_user`."""
    view = view_of(connection)
    if view.is_server_wide and not is_hosting(connection):
        return None
    company = _company_of(connection, view, new.or_name.ou1)
    names = sorted({new.name, *new.addresses} - set(old_names))
    _check_names(connection, view, company, names)
    return company


def check_members(
    connection: Connection, company: int | None, of_users: Iterable[int], of_groups: Iterable[int]
) -> None:
    """Refuse members who are of another company than the group; the server's may have all.

    Raises:
        InvalidValue: if there is one.

    """
    if company is None:
        return
    for table, numbers in ((users, sorted(of_users)), (groups, sorted(of_groups))):
        for start in range(0, len(numbers), _PIECE):
            others = select(table.c.id).where(
                table.c.id.in_(numbers[start : start + _PIECE]),
                table.c.company_id.is_distinct_from(company),
            )
            if connection.scalar(others.limit(1)) is not None:
                raise InvalidValue("members: are users and groups of the same company")


def leave_groups(connection: Connection, user: int, company: int | None) -> None:
    """Take a user who is of another company now out of the groups of the one before."""
    of_others = select(groups.c.id).where(
        groups.c.company_id.is_not(None), groups.c.company_id.is_distinct_from(company)
    )
    connection.execute(
        delete(group_users).where(
            group_users.c.user_id == user, group_users.c.group_id.in_(of_others)
        )
    )


_PIECE = 500


def check_limit(connection: Connection, company: int, more: int) -> None:
    """Refuse more users than a company may have.

    Raises:
        InvalidValue: if it would have more.

    """
    if connection.dialect.name != "sqlite":
        # Who else adds users of this company waits.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADDING}, {company})")
    room = room_of(connection, company)
    if room is not None and more > room.left:
        raise InvalidValue(str(room))


class Room(NamedTuple):
    """How many users a company may have, and how many of them are not there."""

    limit: int
    left: int

    def __str__(self) -> str:
        """Say that it is not enough."""
        return f"company: may have {self.limit} users, and no more"


def room_of(connection: Connection, company: int) -> Room | None:
    """Return how many more users a company may have; `None` if it has no limit."""
    limit = connection.scalar(select(companies.c.user_limit).where(companies.c.id == company))
    if not limit:
        return None
    present = select(func.count()).where(users.c.company_id == company)
    return Room(limit, max(0, limit - (connection.scalar(present) or 0)))


def is_hosting(connection: Connection) -> bool:
    """Return whether companies are hosted: only then anything belongs to one."""
    return bool(connection.scalar(_IS_HOSTING))


def _company_of(connection: Connection, view: View, ou1: str) -> int | None:
    """Return whose a mail node is; the server's own have none."""
    if not ou1 and view.is_server_wide:
        return None
    row = connection.execute(_NAMED, {"ou1": fold(ou1)}).first()
    if row is None and view.is_server_wide:
        raise InvalidValue(
            f"mail node of an O/R name: OU1 {ou1!r} is no company's: ualauth company add"
        )
    if row is None:
        raise InvalidValue("mail node of an O/R name: OU1 is not that of the company")
    if row.deleted is not None:
        raise InvalidValue(f"mail node of an O/R name: the company {row.name!r} was deleted")
    return int(row.id)


def _check_names(
    connection: Connection, view: View, company: int | None, names: Sequence[str]
) -> None:
    """Refuse names with a domain that is not the company's, or no domain if a company gives them.

    The server's administrator may give users of a company names without a domain.
    """
    domains = {name: domain_of(name) for name in names}
    wanted = sorted({domain for domain in domains.values() if domain is not None})
    owners: dict[str, int] = {}
    if wanted:
        owners = {row[0]: row[1] for row in connection.execute(_DOMAINS, {"domains": wanted})}
    for name, domain in domains.items():
        if domain is None and view.is_server_wide:
            continue
        if domain is None or owners.get(domain) != company:
            raise InvalidValue(f"{name!r}: {_NO_DOMAIN if company is None else _OTHER_DOMAIN}")


_NO_DOMAIN = "its domain is a company's: the OU1 of the mail node has to say which"
_OTHER_DOMAIN = (
    "does not end in a domain of the company, as in jsmith@example.com: ualauth company show "
    "lists them"
)
