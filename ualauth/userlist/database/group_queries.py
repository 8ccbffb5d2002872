"""The questions that administrators ask about groups; each is answered by an index.

What follows members of members ends also where groups are members of each other: a group that
was met already is not followed again.
"""

from __future__ import annotations

from sqlalchemy import CompoundSelect, bindparam, false, literal_column, select, union_all

from ualauth.userlist.database.membership_queries import Question
from ualauth.userlist.database.tables import (
    group_addresses,
    group_groups,
    group_names,
    group_users,
    groups,
    users,
)
from ualauth.userlist.names import LIMITS

PAGE = 500
"""Groups that are read at a time."""

_GROUP = (
    groups.c.id,
    groups.c.name,
    groups.c.revision,
    groups.c.created,
    groups.c.changed,
    *(groups.c[part] for part in LIMITS),
)
RECORD = (*_GROUP, group_addresses.c.address)
"""The columns of a group, and an address: a row for each address, or one without."""

_WITH_ADDRESSES = groups.outerjoin(group_addresses, group_addresses.c.group_id == groups.c.id)

BY_ID: Question = (
    select(*RECORD)
    .select_from(_WITH_ADDRESSES)
    .where(groups.c.id == bindparam("id"))
    .order_by(group_addresses.c.position)
)
"""The group with `:id`."""

BY_NAME: Question = (
    select(*RECORD)
    .select_from(group_names.join(_WITH_ADDRESSES, groups.c.id == group_names.c.group_id))
    .where(group_names.c.key == bindparam("key"))
    .order_by(group_addresses.c.position)
)
"""The group whose name or address folds to `:key`."""

BY_OR_NAME: Question = (
    select(*RECORD)
    .select_from(_WITH_ADDRESSES)
    .where(groups.c.or_name_key == bindparam("key"))
    .order_by(group_addresses.c.position)
)
"""The group with the O/R name that folds to `:key`."""

_page = (
    select(groups)
    .where(groups.c.name_key > bindparam("after"))
    .order_by(groups.c.name_key)
    .limit(PAGE)
    .subquery()
)
NEXT_PAGE: Question = (
    select(
        _page.c.name_key,
        *(_page.c[column.key] for column in _GROUP),
        group_addresses.c.address,
    )
    .select_from(_page.outerjoin(group_addresses, group_addresses.c.group_id == _page.c.id))
    .order_by(_page.c.name_key, group_addresses.c.position)
)
"""The next groups after the one whose folded name is `:after`, which leads each row."""

USERS_IN: Question = (
    select(users.c.authid)
    .select_from(group_users.join(users, users.c.id == group_users.c.user_id))
    .where(group_users.c.group_id == bindparam("id"))
    .order_by(users.c.authid_key)
)
"""The authids of the users who are members of the group with `:id`, not nested."""

GROUPS_IN: Question = (
    select(groups.c.name)
    .select_from(group_groups.join(groups, groups.c.id == group_groups.c.member_id))
    .where(group_groups.c.group_id == bindparam("id"))
    .order_by(groups.c.name_key)
)
"""The names of the groups that are members of the group with `:id`, not nested."""

_UNITS = ("ou1", "ou2", "ou3", "ou4")
MEMBERS_IN: CompoundSelect[tuple[object, ...]] = union_all(
    select(
        literal_column("0"),
        users.c.id,
        users.c.authid,
        users.c.hidden,
        *(users.c[unit] for unit in _UNITS),
    )
    .select_from(group_users.join(users, users.c.id == group_users.c.user_id))
    .where(group_users.c.group_id == bindparam("id")),
    select(
        literal_column("1"),
        groups.c.id,
        groups.c.name,
        false(),
        *(groups.c[unit] for unit in _UNITS),
    )
    .select_from(group_groups.join(groups, groups.c.id == group_groups.c.member_id))
    .where(group_groups.c.group_id == bindparam("id")),
)
"""The members of the group with `:id`, not nested: whether it is a group, its id and name,
whether it is hidden, and its mail node."""

GROUPS_WITH: Question = (
    select(groups.c.name)
    .select_from(group_groups.join(groups, groups.c.id == group_groups.c.group_id))
    .where(group_groups.c.member_id == bindparam("id"))
    .order_by(groups.c.name_key)
)
"""The names of the groups of which the group with `:id` is a member, not nested."""

_below = select(groups.c.id).where(groups.c.id == bindparam("id")).cte("below", recursive=True)
_below = _below.union(
    select(group_groups.c.member_id).join(_below, group_groups.c.group_id == _below.c.id)
)
IDS_BELOW: Question = select(_below.c.id)
"""The ids of the group with `:id` and of all groups in it, also nested."""

ALL_USERS_IN: Question = (
    select(users.c.authid)
    .distinct()
    .select_from(
        _below.join(group_users, group_users.c.group_id == _below.c.id).join(
            users, users.c.id == group_users.c.user_id
        )
    )
    .add_columns(users.c.authid_key)
    .order_by(users.c.authid_key)
)
"""The authids of the users who are in the group with `:id`, also by other groups."""
