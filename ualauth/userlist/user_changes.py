"""Adding, changing and deleting users: what administrators do, which no login loads.

Each function works inside a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select, update

from ualauth.errors import NameTaken
from ualauth.userlist.addresses import keys_of, login_keys
from ualauth.userlist.changes import read, refuse_stale, take_turn
from ualauth.userlist.companies.placing import leave_groups, place_user
from ualauth.userlist.database import queries, search_index
from ualauth.userlist.database.rows import microseconds, values_of
from ualauth.userlist.database.tables import (
    addresses,
    former_passwords,
    login_names,
    or_names,
    users,
)
from ualauth.userlist.database.turns import take_turn_for_users
from ualauth.userlist.group_changes import refuse_names_of_groups
from ualauth.userlist.record import NewUser, User

# No user has this id.
_NO_USER = 0


def add(connection: Connection, new: NewUser) -> User:
    """Add a user; raises `NameTaken`."""
    take_turn_for_users(connection)
    company = place_user(connection, new)
    _refuse_taken(connection, new, owner=_NO_USER)
    now = microseconds(datetime.now(UTC))
    values = values_of(new) | {
        "password": new.password,
        "revision": 1,
        "created": now,
        "changed": now,
        "company_id": company,
    }
    number: int = connection.execute(insert(users), values).inserted_primary_key[0]  # type: ignore[index]
    keys = {"user_id": number, "company_id": company} | queries.name_keys(new.name)
    connection.execute(insert(or_names), keys)
    _add_login_names(connection, number, new)
    search_index.put_new(connection, [_index_row(number, new)])
    return read(connection, number)


def change(connection: Connection, old: User, new: NewUser) -> User:
    """Put the fields of `new` but the password in place of those of `old`.

    Raises:
        NameTaken: if a name, address or uid belongs to another user.
        InvalidValue: for a name that a user of the company cannot have.
        StaleRecord: if `old` is not what the database has.
        UserUnknown: if it is there no more.

    """
    take_turn_for_users(connection)
    take_turn(connection, old)
    company = place_user(connection, new, old)
    _refuse_taken(connection, new, owner=old.id)
    values = values_of(new) | {"company_id": company}
    connection.execute(update(users).where(users.c.id == old.id), values)
    if new.name != old.name or company != old.company_id:
        connection.execute(
            update(or_names).where(or_names.c.user_id == old.id),
            queries.name_keys(new.name) | {"company_id": company},
        )
    if company != old.company_id:
        leave_groups(connection, old.id, company)
    if (new.authid, new.addresses) != (old.authid, old.addresses):
        connection.execute(delete(login_names).where(login_names.c.user_id == old.id))
        connection.execute(delete(addresses).where(addresses.c.user_id == old.id))
        _add_login_names(connection, old.id, new)
    if (new.name, new.authid, new.addresses) != (old.name, old.authid, old.addresses):
        search_index.put(connection, [_index_row(old.id, new)])
    return read(connection, old.id)


def remove(connection: Connection, user: User) -> None:
    """Delete a user and all that belongs to them; errors are those of `change`."""
    condition = (users.c.id == user.id) & (users.c.revision == user.revision)
    search_index.remove_users(connection, condition)
    if connection.execute(delete(users).where(condition)).rowcount == 0:
        refuse_stale(connection, user)


def replace_former_passwords(connection: Connection, user: User, passwords: Sequence[str]) -> None:
    """Put what UL-PWD was before, the newest first, in place of what is known of it."""
    table = former_passwords
    connection.execute(delete(table).where(table.c.user_id == user.id))
    if passwords:
        connection.execute(
            insert(table),
            [
                {"user_id": user.id, "number": number, "password": password}
                for number, password in enumerate(reversed(passwords), 1)
            ],
        )


def _refuse_taken(connection: Connection, record: NewUser, owner: int) -> None:
    """Refuse what belongs to another user than `owner`.

    The constraints would refuse it too, but not say which it was.
    """
    names = {key: name for name in (*record.addresses, record.authid) for key in login_keys(name)}
    key, user_id = login_names.c.key, login_names.c.user_id
    statement = select(key).where(key.in_(names), user_id != owner)
    if taken := connection.scalars(statement).first():
        raise NameTaken(f"{names[taken]!r} already is an authid or address of another user")
    key, user_id = or_names.c.name_key, or_names.c.user_id
    if connection.scalar(select(user_id).where(key == record.name.key, user_id != owner)):
        raise NameTaken(f"the O/R name {str(record.name)!r} already is another user's")
    refuse_names_of_groups(connection, names, record.name.key, str(record.name))
    if record.unix_uid is None:
        return
    key, user_id = users.c.unix_uid, users.c.id
    if connection.scalar(select(user_id).where(key == record.unix_uid, user_id != owner)):
        raise NameTaken(f"the UNIX uid {record.unix_uid} already is another user's")


def _add_login_names(connection: Connection, number: int, record: NewUser) -> None:
    # An authid that is also an address has one row for both.
    keys = keys_of((record.authid, *record.addresses))
    connection.execute(insert(login_names), [{"key": key, "user_id": number} for key in keys])
    if record.addresses:
        connection.execute(
            insert(addresses),
            [
                {"user_id": number, "position": position, "address": address}
                for position, address in enumerate(record.addresses)
            ],
        )


def _index_row(number: int, record: NewUser) -> search_index.Row:
    keys = keys_of((record.authid, *record.addresses))
    return search_index.row_of(number, search_index.folded(record.name), keys)
