"""What logins ask about groups; each question is answered by an index.

What follows members of members ends also where groups are members of each other: a group that
was met already is not followed again.
"""

from __future__ import annotations

from sqlalchemy import Select, bindparam, select

from ualauth.userlist.database.tables import group_groups, group_users, groups

Question = Select[tuple[object, ...]]

IS_NAMED: Question = select(groups.c.id).where(groups.c.name_key == bindparam("key"))
"""The id of the group whose name folds to `:key`."""

NAMES: Question = select(groups.c.name_key)
"""The folded names of all groups."""

GROUPS_OF: Question = (
    select(groups.c.name)
    .select_from(group_users.join(groups, groups.c.id == group_users.c.group_id))
    .where(group_users.c.user_id == bindparam("id"))
    .order_by(groups.c.name_key)
)
"""The names of the groups of which the user with `:id` is a member, not nested."""

_above = (
    select(group_users.c.group_id.label("id"))
    .where(group_users.c.user_id == bindparam("id"))
    .cte("above", recursive=True)
)
_above = _above.union(
    select(group_groups.c.group_id).join(_above, group_groups.c.member_id == _above.c.id)
)
ALL_GROUPS_OF: Question = (
    select(groups.c.name)
    .select_from(_above.join(groups, groups.c.id == _above.c.id))
    .order_by(groups.c.name_key)
)
"""The names of the groups of which the user with `:id` is a member, also by other groups."""
