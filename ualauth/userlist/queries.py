"""Every question that is asked of the USERLIST; each is answered by an index.

All that return users have the columns of `RECORD` and one row for each of the
user's addresses, in order, or one row without an address.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from ualauth.userlist.folding import fold
from ualauth.userlist.names import LIMITS, ORName
from ualauth.userlist.tables import (
    addresses,
    former_passwords,
    keys,
    login_failures,
    login_names,
    or_names,
    sasl_passwords,
    users,
)

_PERSONAL = frozenset({"surname_key", "given_name_key", "initials_key", "generation_key"})

_COLUMN_OF_PART = {part: f"{part}_key" for part in LIMITS}
_COLUMNS_OF_KEY = ("personal_key", "ou1_key", "ou2_key", "ou3_key", "ou4_key", "common_name_key")

PAGE = 500
"""Users that are read at a time: half a megabyte or so."""

RECORD = (
    users.c.id,
    users.c.authid,
    users.c.password,
    users.c.locked,
    users.c.account_expires,
    users.c.password_changed,
    users.c.password_expires,
    users.c.administrator,
    users.c.mailbox_administrator,
    users.c.unix_uid,
    users.c.mailbox_class,
    users.c.language,
    users.c.revision,
    users.c.created,
    users.c.changed,
    users.c.surname,
    users.c.given_name,
    users.c.initials,
    users.c.generation,
    users.c.common_name,
    users.c.ou1,
    users.c.ou2,
    users.c.ou3,
    users.c.ou4,
    users.c.account_starts,
    users.c.lock_reason,
    users.c.must_change_password,
    users.c.policy,
    users.c.grace_logins_used,
    addresses.c.address,
)
"""The columns of a user, and an address."""

_WITH_ADDRESSES = users.outerjoin(addresses, addresses.c.user_id == users.c.id)

BY_ID: Select[tuple[object, ...]] = (
    select(*RECORD)
    .select_from(_WITH_ADDRESSES)
    .where(users.c.id == bindparam("id"))
    .order_by(addresses.c.position)
)
"""The user with `:id`."""

BY_LOGIN_NAME: Select[tuple[object, ...]] = (
    select(*RECORD)
    .select_from(login_names.join(_WITH_ADDRESSES, users.c.id == login_names.c.user_id))
    .where(login_names.c.key == bindparam("key"))
    .order_by(addresses.c.position)
)
"""The user whose authid or address folds to `:key`."""

BY_NAME: Select[tuple[object, ...]] = (
    select(*RECORD)
    .select_from(or_names.join(_WITH_ADDRESSES, users.c.id == or_names.c.user_id))
    .where(or_names.c.name_key == bindparam("key"))
    .order_by(addresses.c.position)
)
"""The user whose O/R name has `:key`."""

BY_UNIX_UID: Select[tuple[object, ...]] = (
    select(*RECORD)
    .select_from(_WITH_ADDRESSES)
    .where(users.c.unix_uid == bindparam("uid"))
    .order_by(addresses.c.position)
)
"""The user whose UNIX account has the number `:uid`."""


def _page(*conditions: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    found = (
        select(users)
        .where(users.c.authid_key > bindparam("after"), *conditions)
        .order_by(users.c.authid_key)
        .limit(PAGE)
        .subquery()
    )
    return (
        select(found.c.authid_key, *(found.c[column.key] for column in RECORD[:-1]), RECORD[-1])
        .select_from(found.outerjoin(addresses, addresses.c.user_id == found.c.id))
        .order_by(found.c.authid_key, addresses.c.position)
    )


NEXT_PAGE: Select[tuple[object, ...]] = _page()
"""The next users after the one whose folded authid is `:after`, which leads each row."""


@cache
def next_page_without(mechanisms: tuple[str, ...]) -> Select[tuple[object, ...]]:
    """Return the like of `NEXT_PAGE` for users with a password that lack one of the secrets."""
    present = (
        select(func.count())
        .where(
            sasl_passwords.c.user_id == users.c.id,
            sasl_passwords.c.mechanism.in_([literal_column(f"'{each}'") for each in mechanisms]),
        )
        .scalar_subquery()
    )
    return _page(users.c.password.is_not(None), present < literal_column(str(len(mechanisms))))


SECRETS = (
    select(
        sasl_passwords.c.mechanism,
        sasl_passwords.c.salt,
        sasl_passwords.c.iterations,
        sasl_passwords.c.stored_key,
        sasl_passwords.c.server_key,
    )
    .where(sasl_passwords.c.user_id == bindparam("id"))
    .order_by(sasl_passwords.c.mechanism)
)
"""The SCRAM secrets of the user with `:id`."""


KEY = select(keys.c.key).where(keys.c.name == bindparam("name"))
"""The key called `:name`."""

FORMER_PASSWORDS = (
    select(former_passwords.c.password)
    .where(former_passwords.c.user_id == bindparam("id"))
    .order_by(former_passwords.c.number.desc())
)
"""The former UL-PWD of the user with `:id`, the newest first."""

FAILURES = select(
    login_failures.c.name,
    login_failures.c.moments,
    login_failures.c.locked_until,
).where(
    login_failures.c.name.in_([bindparam("name"), bindparam("user")]),
    login_failures.c.source == bindparam("source"),
)
"""The failed logins from `:source` that are kept under `:name` and `:user`."""


ALL_FAILURES = (
    select(login_failures.c.source, login_failures.c.moments, login_failures.c.locked_until)
    .where(login_failures.c.name == bindparam("name"))
    .order_by(login_failures.c.source)
)
"""The failed logins that are kept under `:name`, by source."""


def name_keys(name: ORName) -> dict[str, str]:
    """Return column -> value of a name's row in `or_names`, without the user."""
    keys = {column: fold(getattr(name, part)) for part, column in _COLUMN_OF_PART.items()}
    keys["personal_key"] = fold(name.personal_name)
    # The same as `name.key`, which would fold all of them once more.
    keys["name_key"] = "\n".join([keys[column] for column in _COLUMNS_OF_KEY])
    return keys


def by_parts(name: ORName) -> tuple[Select[tuple[object, ...]], dict[str, str]]:
    """Return what finds the users who have every part of `name`, and its parameters.

    It finds two of them at most: that is enough to know that a name is not
    unique.
    """
    keys = {column: key for column, key in name_keys(name).items() if key}
    del keys["name_key"]
    return _by_parts(frozenset(keys)), keys


# There are at most 85 shapes: a personal name of 8, or none, with a mail node of
# 5, with or without a common name.
@cache
def _by_parts(columns: frozenset[str]) -> Select[tuple[object, ...]]:
    personal = columns & _PERSONAL
    conditions = _equal(columns - _PERSONAL - {"personal_key"})
    if personal <= {"surname_key"}:
        conditions += _equal(personal)
    else:
        # Which words are the surname cannot be told for sure: `van der Berg`
        # may be all of it, and Mary Ann's surname is not Ann Smith. So the
        # words may also be a whole surname, or a whole personal name.
        words: BindParameter[str] = bindparam("personal_key")
        conditions.append(
            or_(
                and_(*_equal(personal)),
                or_names.c.personal_key == words,
                or_names.c.surname_key == words,
            ),
        )
    found = select(or_names.c.user_id).where(*conditions).limit(2)
    return (
        select(*RECORD)
        .select_from(_WITH_ADDRESSES)
        .where(users.c.id.in_(found))
        .order_by(users.c.id, addresses.c.position)
    )


def _equal(columns: frozenset[str]) -> list[ColumnElement[bool]]:
    return [or_names.c[column] == bindparam(column) for column in sorted(columns)]
