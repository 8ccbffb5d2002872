"""What logins ask about groups; each question is answered by an index.

What follows members of members ends also where groups are members of each other: a group that
was met already is not followed again.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import Select, bindparam, select

from ualauth.userlist.database.tables import group_groups, group_users, groups

Question = Select[tuple[object, ...]]


@cache
def is_named() -> Question:
    """Return the question for the id of the group whose name folds to `:key`."""
    return select(groups.c.id).where(groups.c.name_key == bindparam("key"))


@cache
def names() -> Question:
    """Return the question for the folded names of all groups."""
    return select(groups.c.name_key)


@cache
def groups_of() -> Question:
    """Return the question for the groups that the user with `:id` is in, not by other groups."""
    return (
        select(groups.c.name)
        .select_from(group_users.join(groups, groups.c.id == group_users.c.group_id))
        .where(group_users.c.user_id == bindparam("id"))
        .order_by(groups.c.name_key)
    )


@cache
def all_groups_of() -> Question:
    """Return the question for the groups that the user with `:id` is in, by others as well."""
    above = (
        select(group_users.c.group_id.label("id"))
        .where(group_users.c.user_id == bindparam("id"))
        .cte("above", recursive=True)
    )
    above = above.union(
        select(group_groups.c.group_id).join(above, group_groups.c.member_id == above.c.id)
    )
    return (
        select(groups.c.name)
        .select_from(above.join(groups, groups.c.id == above.c.id))
        .order_by(groups.c.name_key)
    )
