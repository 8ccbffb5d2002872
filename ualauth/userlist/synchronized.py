"""Users and groups that a directory manages: what of them cannot be changed here, and why.

What is changed here would be overwritten at the next run, so it is refused at once.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from ualauth.errors import InvalidValue
from ualauth.userlist.database.tables import sync_agreements, sync_groups, sync_links
from ualauth.userlist.group_record import Group
from ualauth.userlist.record import User

_LINK = select(sync_agreements.c.name, sync_agreements.c.managed, sync_links.c.deleted).join_from(
    sync_links, sync_agreements
)
SETTINGS = select(sync_agreements.c.settings)
"""Those of all agreements, as JSON."""


def refuse_changes(connection: Connection, user: User, fields: Collection[str]) -> None:
    """Refuse to change fields of a user whom a directory manages.

    Raises:
        InvalidValue: which names the agreement and the fields.

    """
    row = connection.execute(_LINK.where(sync_links.c.user_id == user.id)).first()
    if row is None:
        return
    agreement, managed, deleted = row
    if deleted is not None and "locked" in fields:
        raise InvalidValue(
            f"locked: {user.authid!r} is gone from the directory of the agreement {agreement!r}, "
            "and is restored when the entry returns"
        )
    if refused := sorted(set(managed.split(",")).intersection(fields)):
        raise InvalidValue(
            f"{', '.join(refused)}: the directory of the agreement {agreement!r} manages it for "
            f"{user.authid!r}: change it there"
        )


def refuse_deletion(connection: Connection, user: User) -> None:
    """Refuse to delete a user whose entry is in the directory: the next run would add them again.

    Raises:
        InvalidValue: which names the agreement.

    """
    row = connection.execute(_LINK.where(sync_links.c.user_id == user.id)).first()
    if row is not None and row.deleted is None:
        raise InvalidValue(
            f"{user.authid!r} comes from the directory of the agreement {row.name!r}, and would "
            "come again: delete the entry there"
        )


def refuse_password(connection: Connection, user: User) -> None:
    """Refuse to set a password for a user whose directory has one: both would let clients in.

    Raises:
        InvalidValue: which names the agreement.

    """
    row = connection.execute(_LINK.where(sync_links.c.user_id == user.id)).first()
    if row is not None:
        raise InvalidValue(
            f"the password of {user.authid!r} is that of the directory of the agreement "
            f"{row.name!r}: change it there; with --local the user gets one here besides"
        )


def refuse_group_changes(connection: Connection, group: Group) -> None:
    """Refuse to change, or to delete, a group whose entry is in a directory.

    Raises:
        InvalidValue: which names the agreement.

    """
    statement = (
        select(sync_agreements.c.name)
        .join_from(sync_groups, sync_agreements)
        .where(sync_groups.c.group_id == group.id, sync_groups.c.deleted.is_(None))
    )
    name = connection.scalar(statement)
    if name is not None:
        raise InvalidValue(
            f"group {group.name!r}: the directory of the agreement {name!r} manages it: change "
            "it there"
        )
