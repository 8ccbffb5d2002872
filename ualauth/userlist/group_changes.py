"""Every change to groups; each function works inside a transaction of its caller.

Members are named by an authid or address, or by the name or address of a group: no two of these
are the same, so that a name says which of both it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from ualauth.errors import GroupUnknown, InvalidValue, NameTaken, StaleRecord
from ualauth.text.folding import REFUSED, fold
from ualauth.userlist.addresses import keys_of, login_keys
from ualauth.userlist.companies.placing import check_members, place_group, with_mail_node
from ualauth.userlist.database import group_queries, queries, search_index
from ualauth.userlist.database.group_rows import group_of, group_values
from ualauth.userlist.database.rows import microseconds
from ualauth.userlist.database.tables import (
    GROUPS,
    group_addresses,
    group_groups,
    group_names,
    group_users,
    groups,
    login_names,
    or_names,
)
from ualauth.userlist.database.turns import take_turn_for_groups
from ualauth.userlist.group_record import Group, NewGroup

# No group has this id.
_NO_GROUP = 0

_USERS_NAMED = select(login_names.c.key, login_names.c.user_id).where(
    login_names.c.key.in_(bindparam("keys", expanding=True))
)
_GROUPS_NAMED = select(group_names.c.key, group_names.c.group_id).where(
    group_names.c.key.in_(bindparam("keys", expanding=True))
)


class MemberIds(NamedTuple):
    """The ids of users and of groups."""

    users: frozenset[int]
    groups: frozenset[int]


def add(connection: Connection, new: NewGroup, members: Iterable[str]) -> Group:
    """Add a group with its members.

    Raises:
        NameTaken: if a name is another group's or a user's.
        InvalidValue: for a member who is not there.

    """
    take_turn_for_groups(connection)
    new = with_mail_node(connection, new)
    company = place_group(connection, new)
    _refuse_taken(connection, new, owner=_NO_GROUP)
    now = microseconds(datetime.now(UTC))
    values = group_values(new) | {"revision": 1, "created": now, "changed": now}
    values["company_id"] = company
    number: int = connection.execute(insert(groups), values).inserted_primary_key[0]  # type: ignore[index]
    _add_names(connection, number, new)
    search_index.put_new(connection, [_index_row(number, new)])
    _add_members(connection, number, new.name, ids_of(connection, members))
    return read(connection, number)


def change(
    connection: Connection,
    old: Group,
    new: NewGroup,
    add_members: Iterable[str] = (),
    remove_members: Iterable[str] = (),
) -> Group:
    """Put the fields of `new` in place of those of `old`; add members, and remove some.

    Raises:
        NameTaken: if a name is another group's or a user's.
        InvalidValue: for a member who is not there, is none, or has the group as a member.
        StaleRecord: if `old` is not what the database has.
        GroupUnknown: if it is there no more.

    """
    take_turn_for_groups(connection)
    _count_change(connection, old)
    company = place_group(connection, new, (old.name, *old.addresses))
    _refuse_taken(connection, new, owner=old.id)
    # By the names that they have now: the group itself may get another one.
    more = ids_of(connection, add_members)
    _remove_members(connection, old.id, remove_members)
    values = group_values(new) | {"company_id": company}
    connection.execute(update(groups).where(groups.c.id == old.id), values)
    present = member_ids(connection, old.id)
    check_members(connection, company, present.users, present.groups)
    if (new.name, new.addresses) != (old.name, old.addresses):
        connection.execute(delete(group_names).where(group_names.c.group_id == old.id))
        connection.execute(delete(group_addresses).where(group_addresses.c.group_id == old.id))
        _add_names(connection, old.id, new)
    search_index.put(connection, [_index_row(old.id, new)])
    _add_members(connection, old.id, new.name, more)
    return read(connection, old.id)


def _index_row(number: int, record: NewGroup) -> search_index.Row:
    return search_index.row_of(
        GROUPS + number,
        search_index.folded(record.or_name),
        keys_of((record.name, *record.addresses)),
        fold(record.name),
    )


def add_ids(connection: Connection, group: Group, new: MemberIds) -> bool:
    """Add members; return whether any of them was none before.

    Raises:
        InvalidValue: if one of them has the group as a member; the others were added.

    """
    before = member_ids(connection, group.id)
    _add_members(connection, group.id, group.name, new)
    return not (new.users <= before.users and new.groups <= before.groups)


def keep_only(connection: Connection, group: Group, wanted: MemberIds) -> bool:
    """Remove the members who are not among `wanted`; return whether there were any."""
    before = member_ids(connection, group.id)
    gone = MemberIds(before.users - wanted.users, before.groups - wanted.groups)
    _remove_ids(connection, group.id, gone)
    return bool(gone.users or gone.groups)


def remove(connection: Connection, group: Group) -> None:
    """Delete a group, but none of its members; errors are those of `change`."""
    take_turn_for_groups(connection)
    condition = (groups.c.id == group.id) & (groups.c.revision == group.revision)
    search_index.remove_groups(connection, condition)
    if connection.execute(delete(groups).where(condition)).rowcount == 0:
        _refuse_stale(connection, group)


def read(connection: Connection, number: int) -> Group:
    """Return the group with the id `number`, which exists."""
    return group_of(connection.execute(group_queries.BY_ID, {"id": number}).all())


def member_ids(connection: Connection, number: int) -> MemberIds:
    """Return the members of a group, not nested."""
    of_users = select(group_users.c.user_id).where(group_users.c.group_id == number)
    of_groups = select(group_groups.c.member_id).where(group_groups.c.group_id == number)
    return MemberIds(
        frozenset(connection.scalars(of_users)), frozenset(connection.scalars(of_groups))
    )


def ids_of(connection: Connection, names: Iterable[str]) -> MemberIds:
    """Return whom names mean.

    Raises:
        InvalidValue: for a name of neither a user nor a group.

    """
    names = tuple(names)
    users, groups_named = find_all(connection, names)
    keys = {fold(name): name for name in names}
    for key, name in keys.items():
        if key not in users and key not in groups_named:
            raise InvalidValue(
                f"members: {name[:80]!r} is neither a user nor a group in the USERLIST"
            )
    return MemberIds(frozenset(users.values()), frozenset(groups_named.values()))


def find_all(connection: Connection, names: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Return folded name -> id of the users with these authids and addresses, and of groups."""
    keys = sorted({fold(name) for name in names if not REFUSED.search(name)})
    users: dict[str, int] = {}
    groups_named: dict[str, int] = {}
    for piece in queries.pieces(keys, queries.MOST_PARAMETERS):
        some = {"keys": piece}
        users.update((key, number) for key, number in connection.execute(_USERS_NAMED, some))
        groups_named.update(
            (key, number) for key, number in connection.execute(_GROUPS_NAMED, some)
        )
    return users, groups_named


def _add_names(connection: Connection, number: int, record: NewGroup) -> None:
    keys = keys_of((record.name, *record.addresses))
    connection.execute(insert(group_names), [{"key": key, "group_id": number} for key in keys])
    if record.addresses:
        connection.execute(
            insert(group_addresses),
            [
                {"group_id": number, "position": position, "address": address}
                for position, address in enumerate(record.addresses)
            ],
        )


def _add_members(connection: Connection, number: int, name: str, wanted: MemberIds) -> None:
    company = connection.scalar(select(groups.c.company_id).where(groups.c.id == number))
    check_members(connection, company, wanted.users, wanted.groups)
    present = member_ids(connection, number)
    for each in sorted(wanted.groups - present.groups):
        below: list[object] = [*connection.scalars(group_queries.IDS_BELOW, {"id": each})]
        if number in below:
            _refuse_circle(connection, number, name, each)
        connection.execute(insert(group_groups), {"group_id": number, "member_id": each})
    if new := sorted(wanted.users - present.users):
        from ualauth.userlist.database.loading import insert_rows  # noqa: PLC0415 - for administrators only

        rows = ((number, each) for each in new)
        insert_rows(connection, group_users, ("group_id", "user_id"), rows)


def _refuse_circle(connection: Connection, number: int, name: str, member: int) -> None:
    if number == member:
        raise InvalidValue(f"members: the group {name!r} cannot be its own member")
    other = read(connection, member).name
    raise InvalidValue(
        f"members: the group {other!r} has {name!r} as a member, or one of its members has: "
        "groups cannot be members of each other"
    )


def _remove_members(connection: Connection, number: int, names: Iterable[str]) -> None:
    present = member_ids(connection, number)
    for name in names:
        ids = ids_of(connection, [name])
        if not (ids.users <= present.users and ids.groups <= present.groups):
            raise InvalidValue(f"members: {name[:80]!r} is no member of this group")
        _remove_ids(connection, number, ids)


def _remove_ids(connection: Connection, number: int, members: MemberIds) -> None:
    for table, column, numbers in (
        (group_users, "user_id", members.users),
        (group_groups, "member_id", members.groups),
    ):
        _remove_each(connection, table, column, number, numbers)


def _remove_each(
    connection: Connection, table: Table, column: str, group: int, numbers: Collection[int]
) -> None:
    is_among = table.c[column].in_(bindparam("numbers", expanding=True))
    statement = delete(table).where(table.c.group_id == group, is_among)
    for some in queries.pieces(sorted(numbers), queries.MOST_PARAMETERS):
        connection.execute(statement, {"numbers": some})


def _count_change(connection: Connection, group: Group) -> None:
    """Count one more change, if the record is still the one that the caller knows."""
    condition = (groups.c.id == group.id) & (groups.c.revision == group.revision)
    statement = update(groups).where(condition).values(revision=groups.c.revision + 1)
    now = {"changed": microseconds(datetime.now(UTC))}
    if connection.execute(statement, now).rowcount == 0:
        _refuse_stale(connection, group)


def _refuse_stale(connection: Connection, group: Group) -> None:
    if connection.scalar(select(groups.c.id).where(groups.c.id == group.id)) is None:
        raise GroupUnknown(f"group {group.name!r} was deleted in the meantime")
    raise StaleRecord(f"group {group.name!r} was changed in the meantime: read it again")


def _refuse_taken(connection: Connection, record: NewGroup, owner: int) -> None:
    """Refuse what belongs to another group than `owner`, or to a user."""
    names = {key: name for name in (*record.addresses, record.name) for key in login_keys(name)}
    key = login_names.c.key
    if taken := connection.scalars(select(key).where(key.in_(names))).first():
        raise NameTaken(f"{names[taken]!r} already is an authid or address of a user")
    key, group_id = group_names.c.key, group_names.c.group_id
    statement = select(key).where(key.in_(names), group_id != owner)
    if taken := connection.scalars(statement).first():
        raise NameTaken(f"{names[taken]!r} already is a name or address of another group")
    or_name = record.or_name.key
    if connection.scalar(select(or_names.c.user_id).where(or_names.c.name_key == or_name)):
        raise NameTaken(f"the O/R name {str(record.or_name)!r} already is a user's")
    statement = select(groups.c.name).where(groups.c.or_name_key == or_name, groups.c.id != owner)
    if taken := connection.scalar(statement):
        raise NameTaken(f"the O/R name {str(record.or_name)!r} already is that of group {taken!r}")


def refuse_names_of_groups(
    connection: Connection, names: dict[str, str], or_name_key: str, or_name: str
) -> None:
    """Refuse names of a user that a group has.

    `names` are folded name -> name as it is written; `or_name` is the O/R name.

    Raises:
        NameTaken: which says which one.

    """
    key = group_names.c.key
    if taken := connection.scalars(select(key).where(key.in_(names))).first():
        raise NameTaken(f"{names[taken]!r} already is a name or address of a group")
    statement = select(groups.c.id).where(groups.c.or_name_key == or_name_key)
    if connection.scalar(statement):
        raise NameTaken(f"the O/R name {or_name!r} already is a group's")


def names_of_groups(connection: Connection, keys: Sequence[str]) -> Sequence[str]:
    """Return which of some folded names are those of groups."""
    key = group_names.c.key
    return connection.scalars(select(key).where(key.in_(keys))).all()


def or_names_of_groups(connection: Connection, keys: Sequence[str]) -> Sequence[str]:
    """Return which of some folded O/R names are those of groups."""
    key = groups.c.or_name_key
    return connection.scalars(select(key).where(key.in_(keys))).all()


def has_groups(connection: Connection) -> bool:
    """Return whether there is any group."""
    return connection.scalar(select(func.max(groups.c.id))) is not None
