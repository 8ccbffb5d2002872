"""Making users who are there what a file says of them.

What a file gives is no change where it says the same in another way: a hash with `{CRYPT}`
before it, the words of a personal name, or what an export of the very record would say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update

from ualauth.errors import InvalidValue, PasswordError, UserError
from ualauth.passwords.scram import ScramSecret
from ualauth.passwords.stored import read
from ualauth.text.folding import fold
from ualauth.text.gecos import gecos_of
from ualauth.userlist import changes, noted_logins, user_changes
from ualauth.userlist.bulk import NO_HISTORY, History
from ualauth.userlist.database import queries
from ualauth.userlist.database.rows import user_of
from ualauth.userlist.database.tables import users
from ualauth.userlist.names import LIMITS, ORName
from ualauth.userlist.policy import OWN_POLICY, Policy, print_own, read_own
from ualauth.userlist.record import LastLogin, NewUser, User
from ualauth.userlist.synchronized import refuse_changes


def _itself(user: User) -> Sequence[User]:
    return [user]


@dataclass(frozen=True, slots=True)
class Revision:
    """What a user who is there is to become.

    `fields` are those that are given; the others stay. A part of the O/R name may be among them
    in place of `name`. Without `password` among
    them the secrets stay, too. With another password than before, `secrets`
    replace all that there were; with the same one, only if there are some. `written` returns a
    user as exports would write them, one for each way: what is that already is no change.
    """

    new: NewUser
    fields: frozenset[str]
    secrets: tuple[ScramSecret, ...] = ()
    history: History = NO_HISTORY
    written: Callable[[User], Sequence[User]] = field(default=_itself, repr=False)


def revise_all(
    connection: Connection,
    revisions: Sequence[Revision],
) -> list[bool | UserError]:
    """Change users whose authids are there; return for each whether it differed, or why not."""
    return [_revised(connection, revision) for revision in revisions]


def differs(connection: Connection, revision: Revision) -> bool | UserError:
    """Return whether a user who is there is not yet what is given, or why they cannot be that."""
    try:
        return _difference(connection, revision) is not None
    except UserError as error:
        return error


def _revised(connection: Connection, revision: Revision) -> bool | UserError:
    try:
        with connection.begin_nested():
            return _revise(connection, revision)
    except UserError as error:
        return error


@dataclass(frozen=True, slots=True)
class _Difference:
    """A user who is there, and what of them is to become another value."""

    user: User
    values: dict[str, Any]
    has_password: bool


def _revise(connection: Connection, revision: Revision) -> bool:
    difference = _difference(connection, revision)
    if difference is None:
        return False
    user = difference.user
    new = dataclasses.replace(user, **difference.values)
    refuse_changes(connection, user, difference.values)
    if difference.has_password:
        changed = new.password_changed
        if "password_changed" not in revision.fields or changed is None:
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
    user = user_changes.change(connection, user, new)
    if (used := revision.history.grace_logins_used) is not None:
        statement = update(users).where(users.c.id == user.id)
        connection.execute(statement, {"grace_logins_used": used})
    if (former := revision.history.former_passwords) is not None:
        user_changes.replace_former_passwords(connection, user, former)
    login = revision.history.last_login
    if login is not None and _is_later(connection, user, login):
        noted_logins.note(connection, {user.id: login}, timedelta(0))
    return True


def _difference(connection: Connection, revision: Revision) -> _Difference | None:
    """Return how the user who is there differs; `None` if all is the same.

    What an export would write of the user is the same only as a whole: where anything else
    changes, the reason may go for which a lock was written.
    """
    key = {"key": fold(revision.new.authid)}
    user = user_of(connection.execute(queries.by_login_name(), key).all())
    new, fields = revision.new, revision.fields
    password = "password" in fields and not same_password(new.password, user.password)
    others = _history_differs(connection, user, revision.history)
    if "password" in fields and not password and revision.secrets:
        rows = connection.execute(queries.secrets(), {"id": user.id})
        others |= (password := {ScramSecret(*row) for row in rows} != set(revision.secrets))
    values = _given(user, revision)
    if not (values or password or others):
        return None
    if not others and any(
        (not password or same_password(new.password, written.password))
        and values.keys().isdisjoint(_given(written, revision))
        for written in revision.written(user)
    ):
        return None
    return _Difference(user, values, password)


def _given(user: User, revision: Revision) -> dict[str, Any]:
    """Return field -> value of what is given besides the password, and is another one."""
    new = revision.new
    parts = revision.fields & LIMITS.keys()
    names = revision.fields - {"password", OWN_POLICY} - parts
    given = {field: getattr(new, field) for field in names}
    if parts:
        given["name"] = _with_parts(user.name, new.name, parts)
    if OWN_POLICY in revision.fields:
        given["policy"] = print_own(read_own(user.policy) | read_own(new.policy))
    return {name: value for name, value in given.items() if not _is_same(name, value, user)}


def _is_same(name: str, value: object, user: User) -> bool:
    present = getattr(user, name)
    return value == present or (name == "policy" and _same_policy(str(value), present))


def _with_parts(old: ORName, new: ORName, parts: frozenset[str]) -> ORName:
    """Return a name with some parts of another one.

    The words of a personal name may be told apart otherwise: the same words are the same.

    Raises:
        InvalidValue: if together they are no name.

    """
    changed = dataclasses.replace(old, **{part: getattr(new, part) for part in parts})
    texts = (gecos_of(each.personal_name).split() for each in (old, new))
    if len({tuple(words) for words in texts}) == 1:
        personal = ("surname", "given_name", "initials", "generation")
        return dataclasses.replace(changed, **{part: getattr(old, part) for part in personal})
    return changed


def same_password(one: str | None, other: str | None) -> bool:
    """Return whether two stored passwords are the same hash, however they are marked."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    try:
        return read(one) == read(other)
    except PasswordError:
        return False


def _same_policy(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        own = [read_own(each) for each in (one, other)]
        policies = [Policy().with_own(each) for each in (one, other)]
    except InvalidValue:
        return False
    first, second = policies
    return (
        own[0].keys() == own[1].keys()
        and set(first.networks) == set(second.networks)
        and all(value == own[1][key] for key, value in own[0].items() if key != "allowed_networks")
    )


def _history_differs(connection: Connection, user: User, history: History) -> bool:
    if history.grace_logins_used not in {None, user.grace_logins_used}:
        return True
    if _is_later(connection, user, history.last_login):
        return True
    if history.former_passwords is None:
        return False
    rows = connection.execute(queries.former_passwords_of(), {"id": user.id})
    return tuple(row[0] for row in rows) != history.former_passwords


def _is_later(connection: Connection, user: User, login: LastLogin | None) -> bool:
    """Return whether a login comes after the one that was noted: that stays otherwise."""
    if login is None:
        return False
    row = connection.execute(queries.last_login(), {"id": user.id}).first()
    noted = None if row is None else noted_logins.last_login_of(row)
    return noted is None or login.time > noted.time
