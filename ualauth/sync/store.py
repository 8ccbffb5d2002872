"""Agreements and links in the USERLIST; functions work in a transaction of their caller."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from ualauth.errors import ActorRefused, StaleRecord
from ualauth.sync.agreement import Agreement
from ualauth.sync.claims import LOGIN_NAME, OR_NAME, Claim
from ualauth.sync.failures import SyncRefused
from ualauth.sync.plan import LinkedGroup, LinkedUser
from ualauth.sync.products import attributes_of, managed_fields
from ualauth.userlist.companies.placing import company_of_node
from ualauth.userlist.database import group_queries, queries
from ualauth.userlist.database.group_rows import group_of
from ualauth.userlist.database.rows import moment, users_of
from ualauth.userlist.database.tables import (
    companies,
    group_groups,
    group_names,
    group_users,
    groups,
    login_names,
    or_names,
    sync_agreements,
    sync_groups,
    sync_links,
    users,
)
from ualauth.userlist.database.view import SERVER_WIDE, View, view_of
from ualauth.userlist.names import parse_units


@dataclass(frozen=True, slots=True)
class StoredAgreement:
    """An agreement with its id, what is known of its runs, and the company that it is of.

    `company` is the mail node of that company, and empty for the server's own.
    """

    id: int
    agreement: Agreement
    state: dict[str, Any]
    active: int
    deleted: int
    groups: int
    company_id: int | None = None
    company: str = ""
    is_company_deleted: bool = False

    @property
    def view(self) -> View:
        """What a run of it sees and changes."""
        return SERVER_WIDE if self.company_id is None else View.of(self.company_id)


def add(connection: Connection, agreement: Agreement) -> None:
    """Add an agreement, which is of the company of its mail node.

    Raises:
        SyncRefused: if there is one of that name.
        InvalidValue: if the mail node is no company's while companies are hosted.
        ActorRefused: if a company asks: it would name files and servers.

    """
    _for_server(connection)
    name = sync_agreements.c.name
    if connection.scalar(select(name).where(name == agreement.name)) is not None:
        raise SyncRefused(f"there is an agreement {agreement.name!r} already")
    values = {"company_id": company_of(connection, agreement), "name": agreement.name}
    connection.execute(insert(sync_agreements), values | _values(agreement))


def change(connection: Connection, old: StoredAgreement, new: Agreement) -> None:
    """Put `new` in place of the settings of an agreement; its users stay its own.

    Without a base of groups, its groups are its own no more.

    Raises:
        StaleRecord: if another process changed it since it was read.
        SyncRefused: if it has users or groups, and would be another company's.
        InvalidValue: if the mail node is no company's while companies are hosted.
        ActorRefused: if a company asks.

    """
    _for_server(connection)
    company = company_of(connection, new)
    if company != old.company_id and old.active + old.deleted + old.groups:
        raise SyncRefused(
            f"the mail node {new.mail_node!r} is another company's than the users and groups of "
            f"{new.name!r} are of: release them, and add another agreement"
        )
    before = sync_agreements.c.settings == old.agreement.to_json()
    statement = update(sync_agreements).where(sync_agreements.c.id == old.id, before)
    if connection.execute(statement, {"company_id": company} | _values(new)).rowcount == 0:
        raise StaleRecord(f"the agreement {new.name!r} was changed in the meantime")
    if not new.group_base:
        # What is followed no more is the administrator's.
        connection.execute(delete(sync_groups).where(sync_groups.c.agreement_id == old.id))


def remove(connection: Connection, number: int) -> None:
    """Delete an agreement; its users stay, and are the administrator's from now on.

    Raises:
        ActorRefused: if a company asks.

    """
    _for_server(connection)
    connection.execute(delete(sync_agreements).where(sync_agreements.c.id == number))


def company_of(connection: Connection, agreement: Agreement) -> int | None:
    """Return the id of the company whose users an agreement takes; `None` for the server's own.

    Raises:
        InvalidValue: if the mail node is no company's while companies are hosted.

    """
    node = agreement.mail_node
    return company_of_node(connection, parse_units(node)[0] if node else "")


def _for_server(connection: Connection) -> None:
    if not view_of(connection).is_server_wide:
        raise ActorRefused("agreements are changed by the server's administrators alone")


def _values(agreement: Agreement) -> dict[str, str]:
    attributes = attributes_of(agreement.product, agreement.mapping, scalix=agreement.scalix)
    managed = ",".join(sorted(managed_fields(attributes)))
    return {"settings": agreement.to_json(), "managed": managed}


def all_of(connection: Connection) -> list[StoredAgreement]:
    """Return all agreements by name."""
    columns = (sync_agreements.c.id, sync_agreements.c.settings, sync_agreements.c.state)
    of_company = (companies.c.id.label("company_id"), companies.c.name, companies.c.deleted)
    both = sync_agreements.outerjoin(companies, companies.c.id == sync_agreements.c.company_id)
    statement = select(*columns, *of_company).select_from(both).order_by(sync_agreements.c.name)
    rows = connection.execute(statement).all()
    return [
        StoredAgreement(
            row.id,
            Agreement.from_json(row.settings),
            json.loads(row.state or "{}"),
            *_numbers(connection, row.id),
            row.company_id,
            row.name or "",
            row.deleted is not None,
        )
        for row in rows
    ]


def get(connection: Connection, name: str) -> StoredAgreement:
    """Return the agreement with a name.

    Raises:
        SyncRefused: if there is none.

    """
    for each in all_of(connection):
        if each.agreement.name == name:
            return each
    raise SyncRefused(f"there is no agreement {name!r}: ualauth sync list shows them all")


def _numbers(connection: Connection, number: int) -> tuple[int, int, int]:
    statement = select(func.count(), func.count(sync_links.c.deleted)).where(
        sync_links.c.agreement_id == number
    )
    rows, deleted = connection.execute(statement).one()
    mine = sync_groups.c.agreement_id == number
    of_groups = connection.scalar(select(func.count()).select_from(sync_groups).where(mine))
    return rows - deleted, deleted, of_groups or 0


def linked_users(
    connection: Connection, number: int, guids: Collection[str] | None = None
) -> list[LinkedUser]:
    """Return the users of an agreement, or those with some guids."""
    mine = select(sync_links).where(sync_links.c.agreement_id == number)
    if guids is None:
        rows = list(connection.execute(mine))
    else:
        some_of_mine = mine.where(sync_links.c.guid.in_(bindparam("guids", expanding=True)))
        rows = [
            row
            for some in queries.pieces(sorted(guids), queries.MOST_PARAMETERS)
            for row in connection.execute(some_of_mine, {"guids": some})
        ]
    links = {row.user_id: row for row in rows}
    linked = []
    for some_ids in queries.pieces(sorted(links), queries.PAGE):
        records = connection.execute(queries.by_ids(), queries.some_ids(some_ids)).all()
        for user in users_of([tuple(record) for record in records]):
            row = links[user.id]
            deleted = None if row.deleted is None else moment(row.deleted)
            linked.append(LinkedUser(row.guid, user, deleted, bool(row.was_locked), row.was_reason))
    return linked


def guids_of(connection: Connection, number: int) -> dict[str, bool]:
    """Return the guid of each user of an agreement -> whether the entry is there."""
    mine = sync_links.c.agreement_id == number
    rows = connection.execute(select(sync_links.c.guid, sync_links.c.deleted).where(mine))
    return {guid: deleted is None for guid, deleted in rows}


def guids_with(connection: Connection, number: int, claims: Sequence[Claim]) -> set[str]:
    """Return the guids of the users of an agreement who have what is claimed."""
    guids: set[str] = set()
    for kind, table, column in (
        (LOGIN_NAME, login_names, login_names.c.key),
        (OR_NAME, or_names, or_names.c.name_key),
    ):
        statement = (
            select(sync_links.c.guid)
            .join_from(sync_links, table, table.c.user_id == sync_links.c.user_id)
            .where(sync_links.c.agreement_id == number)
            .where(column.in_(bindparam("values", expanding=True)))
        )
        keys = [key for each, key in claims if each == kind]
        for some in queries.pieces(keys, queries.MOST_PARAMETERS):
            guids.update(connection.scalars(statement, {"values": some}))
    return guids


def active_guids(connection: Connection, number: int) -> frozenset[str]:
    """Return the guids of the users of an agreement whose entries are there."""
    mine = (sync_links.c.agreement_id == number) & sync_links.c.deleted.is_(None)
    return frozenset(connection.scalars(select(sync_links.c.guid).where(mine)))


def linked_groups(connection: Connection, number: int) -> list[LinkedGroup]:
    """Return the groups of an agreement, with those of their members that are the agreement's."""
    mine = sync_groups.c.agreement_id == number
    rows = connection.execute(select(sync_groups).where(mine)).all()
    guids = {row.group_id: row.guid for row in rows}
    members: dict[int, set[str]] = {group: set() for group in guids}
    of_users = (
        select(group_users.c.group_id, sync_links.c.guid)
        .join_from(group_users, sync_links, group_users.c.user_id == sync_links.c.user_id)
        .where(sync_links.c.agreement_id == number)
    )
    for group, guid in connection.execute(of_users):
        if group in members:
            members[group].add(guid)
    of_groups = (
        select(group_groups.c.group_id, group_groups.c.member_id)
        .join_from(group_groups, sync_groups, group_groups.c.group_id == sync_groups.c.group_id)
        .where(mine)
    )
    for group, member in connection.execute(of_groups):
        if member in guids:
            members[group].add(guids[member])
    return [
        LinkedGroup(
            row.guid,
            group_of(connection.execute(group_queries.BY_ID, {"id": row.group_id}).all()),
            frozenset(members[row.group_id]),
            None if row.deleted is None else moment(row.deleted),
        )
        for row in rows
    ]


def holders_of(connection: Connection, number: int, claims: Sequence[Claim]) -> dict[Claim, str]:
    """Return claim -> who has it, of users that the agreement did not make, and of groups."""
    own = select(sync_links.c.user_id).where(sync_links.c.agreement_id == number)
    of_users = _names_of_users(users.c.id.not_in(own))
    holders = _holders(connection, "user", of_users, claims)
    holders = {claim: f"{who}, whom this agreement did not make" for claim, who in holders.items()}
    return holders | _holders(connection, "group", _names_of_groups(), claims)


def group_holders(connection: Connection, number: int, claims: Sequence[Claim]) -> dict[Claim, str]:
    """Return claim -> who has it, of users, and of groups that the agreement did not make."""
    own = select(sync_groups.c.group_id).where(sync_groups.c.agreement_id == number)
    holders = _holders(connection, "group", _names_of_groups(groups.c.id.not_in(own)), claims)
    holders = {claim: f"{who}, which this agreement did not make" for claim, who in holders.items()}
    return holders | _holders(connection, "user", _names_of_users(), claims)


_Names = Mapping[str, Select[str, str]]
"""What a claim is -> its keys, with who has them."""


def _names_of_users(*conditions: ColumnElement[bool]) -> _Names:
    of_login_names = select(login_names.c.key, users.c.authid).join_from(login_names, users)
    of_or_names = select(or_names.c.name_key, users.c.authid).join_from(or_names, users)
    return {
        LOGIN_NAME: of_login_names.where(*conditions),
        OR_NAME: of_or_names.where(*conditions),
    }


def _names_of_groups(*conditions: ColumnElement[bool]) -> _Names:
    of_login_names = select(group_names.c.key, groups.c.name).join_from(group_names, groups)
    of_or_names = select(groups.c.or_name_key, groups.c.name)
    return {
        LOGIN_NAME: of_login_names.where(*conditions),
        OR_NAME: of_or_names.where(*conditions),
    }


def _holders(
    connection: Connection, what: str, names: _Names, claims: Sequence[Claim]
) -> dict[Claim, str]:
    holders: dict[Claim, str] = {}
    for kind, statement in names.items():
        key = statement.selected_columns[0]
        asked = statement.where(key.in_(bindparam("values", expanding=True)))
        keys = [key for each, key in claims if each == kind]
        # Where fewer are there than are claimed, as at a first run, all are read.
        rows = list(connection.execute(statement.limit(len(keys)))) if keys else []
        if len(rows) == len(keys):
            rows = [
                row
                for some in queries.pieces(keys, queries.MOST_PARAMETERS)
                for row in connection.execute(asked, {"values": some})
            ]
        wanted = frozenset(keys)
        for taken, owner in rows:
            if taken in wanted:
                holders[kind, taken] = f"the {what} {owner!r}"
    return holders


def note(connection: Connection, number: int, state: dict[str, Any]) -> None:
    """Keep what is known of the last run."""
    statement = update(sync_agreements).where(sync_agreements.c.id == number)
    connection.execute(statement, {"state": json.dumps(state)})
