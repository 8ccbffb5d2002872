"""Making users who are there what a file says of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from ualauth.errors import UserError
from ualauth.passwords.scram import ScramSecret
from ualauth.text.folding import fold
from ualauth.userlist import changes
from ualauth.userlist.database import queries
from ualauth.userlist.database.rows import user_of
from ualauth.userlist.policy import OWN_POLICY, print_own, read_own
from ualauth.userlist.record import NewUser, User


@dataclass(frozen=True, slots=True)
class Revision:
    """What a user who is there is to become.

    `fields` are those that are given; the others stay. Without `password` among
    them the secrets stay, too. With another password than before, `secrets`
    replace all that there were; with the same one, only if there are some.
    """

    new: NewUser
    fields: frozenset[str]
    secrets: tuple[ScramSecret, ...] = ()


def revise_all(
    connection: Connection,
    revisions: Sequence[Revision],
) -> list[bool | UserError]:
    """Change users whose authids are there; return for each whether it differed, or why not."""
    return [_revised(connection, revision) for revision in revisions]


def differs(connection: Connection, revision: Revision) -> bool:
    """Return whether a user who is there is not yet what is given."""
    return _difference(connection, revision) is not None


def _revised(connection: Connection, revision: Revision) -> bool | UserError:
    try:
        with connection.begin_nested():
            return _revise(connection, revision)
    except UserError as error:
        return error


def _revise(connection: Connection, revision: Revision) -> bool:
    found = _difference(connection, revision)
    if found is None:
        return False
    user, password_differs = found
    given = _given(user, revision)
    new = dataclasses.replace(user, **given)
    if password_differs:
        changed = new.password_changed
        if "password_changed" not in given or changed is None:
            changed = datetime.now(UTC)
        user = changes.set_password(
            connection,
            user,
            revision.new.password,
            revision.secrets,
            changed,
            new.password_expires,
            new.must_change_password,
            keep=0,
        )
        new = dataclasses.replace(new, password_changed=user.password_changed)
    changes.change(connection, user, new)
    return True


def _difference(connection: Connection, revision: Revision) -> tuple[User, bool] | None:
    """Return the user who is there, and whether the password differs; `None` if all is the same."""
    key = {"key": fold(revision.new.authid)}
    user = user_of(connection.execute(queries.BY_LOGIN_NAME, key).all())
    new, fields = revision.new, revision.fields
    password_differs = "password" in fields and new.password != user.password
    if "password" in fields and not password_differs and revision.secrets:
        rows = connection.execute(queries.SECRETS, {"id": user.id})
        password_differs = {ScramSecret(*row) for row in rows} != set(revision.secrets)
    others = any(value != getattr(user, field) for field, value in _given(user, revision).items())
    return (user, password_differs) if others or password_differs else None


def _given(user: User, revision: Revision) -> dict[str, Any]:
    """Return field -> value of what is given besides the password."""
    new = revision.new
    names = revision.fields - {"password", OWN_POLICY}
    given = {field: getattr(new, field) for field in names}
    if OWN_POLICY in revision.fields:
        given["policy"] = print_own(read_own(user.policy) | read_own(new.policy))
    return given
