"""What logins change of a user; each function works inside a transaction of its caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from ualauth.errors import StaleRecord, UserUnknown
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.database import queries
from ualauth.userlist.database.rows import microseconds, user_of
from ualauth.userlist.database.tables import former_passwords, sasl_passwords, users
from ualauth.userlist.record import User


def set_password(  # noqa: PLR0913, PLR0917 - a password, and all that goes with it
    connection: Connection,
    user: User,
    password: str | None,
    secrets: Sequence[ScramSecret],
    changed: datetime,
    expires: datetime | None,
    must_change: bool,  # noqa: FBT001 - as above
    keep: int,
) -> User:
    """Replace UL-PWD and every UL-SASL-PWD; errors are those of `take_turn`.

    The last `keep` passwords, the one until now among them, are remembered.
    """
    take_turn(connection, user)
    _remember(connection, user, keep)
    connection.execute(
        update(users).where(users.c.id == user.id),
        {
            "password": password,
            "password_changed": microseconds(changed),
            "password_expires": microseconds(expires),
            "must_change_password": must_change,
            "grace_logins_used": 0,
        },
    )
    connection.execute(delete(sasl_passwords).where(sasl_passwords.c.user_id == user.id))
    _add_secrets(connection, user, secrets)
    return read(connection, user.id)


def fill_secrets(connection: Connection, user: User, secrets: Sequence[ScramSecret]) -> bool:
    """Add the secrets that are not there, and return whether `user` still is what is there."""
    # Changed to what it is: a process that sets a password meanwhile has to wait.
    condition = (users.c.id == user.id) & (users.c.revision == user.revision)
    statement = update(users).where(condition).values(revision=user.revision)
    if connection.execute(statement).rowcount == 0:
        return False
    owned = select(sasl_passwords.c.mechanism).where(sasl_passwords.c.user_id == user.id)
    present = set(connection.scalars(owned))
    _add_secrets(connection, user, [each for each in secrets if each.mechanism not in present])
    return True


def _add_secrets(connection: Connection, user: User, secrets: Sequence[ScramSecret]) -> None:
    if secrets:
        connection.execute(
            insert(sasl_passwords),
            [
                {
                    "user_id": user.id,
                    "mechanism": secret.mechanism,
                    "salt": secret.salt,
                    "iterations": secret.iterations,
                    "stored_key": secret.stored_key,
                    "server_key": secret.server_key,
                }
                for secret in secrets
            ],
        )


def _remember(connection: Connection, user: User, keep: int) -> None:
    """Move UL-PWD to the former ones, of which the last `keep` stay."""
    table = former_passwords
    old = connection.scalar(select(users.c.password).where(users.c.id == user.id))
    newest = connection.scalar(select(func.max(table.c.number)).where(table.c.user_id == user.id))
    number = (newest or 0) + 1
    if old is not None and keep:
        values = {"user_id": user.id, "number": number, "password": old}
        connection.execute(insert(table), values)
    elif not newest:
        return
    condition = (table.c.user_id == user.id) & (table.c.number <= number - keep)
    connection.execute(delete(table).where(condition))


def use_grace_login(connection: Connection, user: User, most: int) -> int | None:
    """Count one more login with an expired password; `None` if `most` were used already.

    The revision stays, as with `replace_hash`: a login must not make the
    change of an administrator fail.
    """
    used = users.c.grace_logins_used
    condition = (users.c.id == user.id) & (users.c.revision == user.revision) & (used < most)
    statement = update(users).where(condition).values(grace_logins_used=used + 1)
    if connection.execute(statement).rowcount == 0:
        return None
    return connection.scalar(select(used).where(users.c.id == user.id))


def replace_hash(connection: Connection, user: User, old: str, new: str) -> bool:
    """Put `new` in place of `old`, and return whether `old` was there."""
    condition = (users.c.id == user.id) & (users.c.password == old)
    return connection.execute(update(users).where(condition).values(password=new)).rowcount == 1


def read(connection: Connection, number: int) -> User:
    """Return the user with the id `number`, who exists."""
    return user_of(connection.execute(queries.by_id(), {"id": number}).all())


def take_turn(connection: Connection, user: User) -> None:
    """Count one more change, if the record is still the one that the caller knows.

    Raises:
        StaleRecord: if it is not.
        UserUnknown: if it is there no more.

    """
    condition = (users.c.id == user.id) & (users.c.revision == user.revision)
    statement = update(users).where(condition).values(revision=users.c.revision + 1)
    now = {"changed": microseconds(datetime.now(UTC))}
    if connection.execute(statement, now).rowcount == 0:
        refuse_stale(connection, user)


def refuse_stale(connection: Connection, user: User) -> None:
    """Raise what says why a record is not the one that the caller knows."""
    if connection.scalar(select(users.c.id).where(users.c.id == user.id)) is None:
        raise UserUnknown(f"user {user.authid!r} was deleted in the meantime")
    raise StaleRecord(f"user {user.authid!r} was changed in the meantime: read it again")
