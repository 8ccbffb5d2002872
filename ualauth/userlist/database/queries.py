"""Every question that is asked of the USERLIST; each is answered by an index.

A question is made when it is first asked: a process asks few of them, and to make one takes
memory alone.

All that return users have the columns of `RECORD` and one row for each of the
user's addresses, in order, or one row without an address.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeVar

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    exists,
    literal_column,
    null,
    select,
    union_all,
)

from ualauth.text.folding import fold
from ualauth.userlist.database.tables import (
    addresses,
    companies,
    company_domains,
    former_passwords,
    keys,
    last_logins,
    login_failures,
    login_names,
    or_names,
    sasl_passwords,
    users,
)
from ualauth.userlist.names import LIMITS, ORName, parts_of

T = TypeVar("T")

MOST_PARAMETERS = 5000
"""Far below what SQLite (32,766) and PostgreSQL (65,535) take in one statement."""

Question = Select[tuple[object, ...]] | CompoundSelect[tuple[object, ...]]

_whole_names = or_names.alias("whole_names")
_NOT_EXACT = ~exists().where(_whole_names.c.name_key == bindparam("name_key"))
_PERSONAL = frozenset({"surname_key", "given_name_key", "initials_key", "generation_key"})


PAGE = 500
"""Users that are read at a time: half a megabyte or so."""
FEW = 16
"""Users for whom a shorter question is worth it: each parameter takes its time."""

_IDS = tuple(f"id{number}" for number in range(PAGE))


def pieces(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return some values in pieces of at most `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))


def some_ids(numbers: Sequence[int], most: int = PAGE) -> dict[str, object]:
    """Return the parameters of a question for users with one of up to `most` ids, not none."""
    filled = [*numbers, *[numbers[0]] * (most - len(numbers))]
    return dict(zip(_IDS[:most], filled, strict=True))


def is_some_id(column: ColumnElement[int], most: int = PAGE) -> ColumnElement[bool]:
    """Return that a column has one of `some_ids`."""
    return column.in_([bindparam(name) for name in _IDS[:most]])


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
    users.c.mailbox_limit,
    users.c.limit_outbound_mail,
    users.c.limit_inbound_mail,
    users.c.limit_notify_user,
    users.c.hidden,
    users.c.company_id,
    addresses.c.address,
)
"""The columns of a user, and an address."""

_WITH_ADDRESSES = users.outerjoin(addresses, addresses.c.user_id == users.c.id)


@cache
def by_id() -> Select[tuple[object, ...]]:
    """Return the question for the user with `:id`."""
    return (
        select(*RECORD)
        .select_from(_WITH_ADDRESSES)
        .where(users.c.id == bindparam("id"))
        .order_by(addresses.c.position)
    )


@cache
def by_ids(most: int = PAGE) -> Select[tuple[object, ...]]:
    """Return the question for the users with one of `some_ids`, by folded authid."""
    return (
        select(*RECORD)
        .select_from(_WITH_ADDRESSES)
        .where(is_some_id(users.c.id, most))
        .order_by(users.c.authid_key, addresses.c.position)
    )


@cache
def by_login_name() -> Select[tuple[object, ...]]:
    """Return the question for the user whose authid or address folds to `:key`."""
    return (
        select(*RECORD)
        .select_from(login_names.join(_WITH_ADDRESSES, users.c.id == login_names.c.user_id))
        .where(login_names.c.key == bindparam("key"))
        .order_by(addresses.c.position)
    )


@cache
def by_unix_uid() -> Select[tuple[object, ...]]:
    """Return the question for the user whose UNIX account has the number `:uid`."""
    return (
        select(*RECORD)
        .select_from(_WITH_ADDRESSES)
        .where(users.c.unix_uid == bindparam("uid"))
        .order_by(addresses.c.position)
    )


@cache
def next_page() -> Select[tuple[object, ...]]:
    """Return the question for the users after the one with folded authid `:after`.

    The folded authid leads each row.
    """
    page = (
        select(users)
        .where(users.c.authid_key > bindparam("after"))
        .order_by(users.c.authid_key)
        .limit(PAGE)
        .subquery()
    )
    return (
        select(page.c.authid_key, *(page.c[column.key] for column in RECORD[:-1]), RECORD[-1])
        .select_from(page.outerjoin(addresses, addresses.c.user_id == page.c.id))
        .order_by(page.c.authid_key, addresses.c.position)
    )


@cache
def secrets() -> Select[str, bytes, int, bytes, bytes]:
    """Return the question for the SCRAM secrets of the user with `:id`."""
    return (
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


def _moments() -> Select[tuple[int, int]]:
    return select(last_logins.c.user_id, last_logins.c.moment)


@cache
def moment_of_login() -> Select[tuple[int, int]]:
    """Return the question for the user with `:id`, if one who logged in, and when that was last."""
    return _moments().where(last_logins.c.user_id == bindparam("id"))


@cache
def moments_of_logins() -> Select[tuple[int, int]]:
    """Return the question that `moment_of_login` is, for users with one of `some_ids`."""
    return _moments().where(is_some_id(last_logins.c.user_id))


@cache
def last_login() -> Question:
    """Return the question for time, service and source of the last login of the user with `:id`."""
    return select(last_logins.c.moment, last_logins.c.service, last_logins.c.source).where(
        last_logins.c.user_id == bindparam("id")
    )


@cache
def key_called() -> Question:
    """Return the question for the key called `:name`."""
    return select(keys.c.key).where(keys.c.name == bindparam("name"))


@cache
def company_of_name() -> Question:
    """Return the question in which company a name is looked for; no rows without hosting.

    A row has how it is known (`ou1`, `domain`, `default`) and the id of the company: that of the
    mail node `:ou1`, that of `:domain`, and the default one. One row has no company.
    """
    is_on = exists().where(keys.c.name == literal_column("'hosting'"))
    how: dict[str, ColumnElement[str]] = {
        each: literal_column(f"'{each}'").label("how") for each in ("ou1", "domain", "default")
    }
    return union_all(
        select(how["ou1"], companies.c.id).where(
            is_on, companies.c.name_key == bindparam("ou1"), companies.c.deleted.is_(None)
        ),
        select(how["domain"], company_domains.c.company_id).where(
            is_on, company_domains.c.key == bindparam("domain")
        ),
        select(how["default"], companies.c.id).where(is_on, companies.c.is_default),
        select(how["default"], null()).where(is_on),
    )


@cache
def company_policy() -> Question:
    """Return the question for what the company with `:id` says of its users."""
    return select(companies.c.policy).where(companies.c.id == bindparam("id"))


@cache
def former_passwords_of() -> Select[str]:
    """Return the question for the former UL-PWD of the user with `:id`, the newest first."""
    return (
        select(former_passwords.c.password)
        .where(former_passwords.c.user_id == bindparam("id"))
        .order_by(former_passwords.c.number.desc())
    )


@cache
def failures() -> Question:
    """Return the question for the failed logins from `:source`, under `:name` and `:user`."""
    return select(
        login_failures.c.name,
        login_failures.c.moments,
        login_failures.c.locked_until,
    ).where(
        login_failures.c.name.in_([bindparam("name"), bindparam("user")]),
        login_failures.c.source == bindparam("source"),
    )


@cache
def all_failures() -> Question:
    """Return the question for the failed logins under `:name`, by source."""
    return (
        select(login_failures.c.source, login_failures.c.moments, login_failures.c.locked_until)
        .where(login_failures.c.name == bindparam("name"))
        .order_by(login_failures.c.source)
    )


@cache
def every_failure() -> Question:
    """Return the question for all failed logins, under the user and under the name as typed."""
    return select(
        login_failures.c.name,
        login_failures.c.source,
        login_failures.c.moments,
        login_failures.c.locked_until,
    ).order_by(login_failures.c.name, login_failures.c.source)


_PART_COLUMNS = tuple(f"{part}_key" for part in LIMITS)

_UNIT_COLUMNS = ("ou1_key", "ou2_key", "ou3_key", "ou4_key")

NAME_COLUMNS = ("name_key", *_PART_COLUMNS)
"""The columns of `or_names`, without the user."""


def name_row(name: ORName) -> tuple[str, ...]:
    """Return the values of `NAME_COLUMNS`."""
    keys = [fold(text) if text else "" for text in parts_of(name)]
    surname, given_name, initials, generation, common_name, *units = keys
    # The same as `name.key`, which would fold all of them once more: a blank and a line feed
    # join what is folded, as they joined what was not.
    personal = " ".join(filter(None, (given_name, initials, surname, generation)))
    return ("\n".join((personal, *units, common_name)), *keys)


def name_keys(name: ORName) -> dict[str, str]:
    """Return column -> value of what `name_row` has."""
    return dict(zip(NAME_COLUMNS, name_row(name), strict=True))


class Rank(enum.IntEnum):
    """How a user is meant by a login name: the lower, the better."""

    LOGIN_NAME = 0
    """It is the user's authid or address."""
    NAME = 1
    """It is the user's whole O/R name."""
    PARTS = 2
    """The user's O/R name has every part of it, and others; no user is meant if two have."""


def _rank(rank: Rank) -> ColumnElement[int]:
    return literal_column(str(rank.value), Integer)


def meant(key: str, name: ORName, most: int = 2) -> tuple[Question, dict[str, str]]:
    """Return what finds the ids of all that a login name may mean, and its parameters.

    `key` is the folded login name, and `name` what it is as an O/R name. Each row has an
    id and a `Rank`. Of those with `PARTS` two are enough to know that a name
    is not unique: `most` are looked for in each way to read the name.
    """
    name_key, *parts = name_row(name)
    keys = {column: part for column, part in zip(_PART_COLUMNS, parts, strict=True) if part}
    statement = _meant(frozenset(keys), most)
    words = name_key.partition("\n")[0]
    keys["key"], keys["name_key"], keys["words"] = key, name_key, words
    # All keys of names with these words and this mail node lie between: a line feed follows
    # in them, and a vertical tab comes after that.
    begin = "\n".join([words, *(keys[unit] for unit in _UNIT_COLUMNS if unit in keys)])
    keys["words_begin"], keys["words_end"] = f"{begin}\n", f"{begin}\v"
    return statement, keys


def _exact() -> tuple[Select[tuple[int, int]], Select[tuple[int, int]]]:
    return (
        select(login_names.c.user_id, _rank(Rank.LOGIN_NAME).label("rank")).where(
            login_names.c.key == bindparam("key")
        ),
        select(or_names.c.user_id, _rank(Rank.NAME)).where(
            or_names.c.name_key == bindparam("name_key")
        ),
    )


@cache
def by_exact_name() -> Select[tuple[object, ...]]:
    """Return the question for the users who have a name as it is, authid, address or O/R name.

    An authid or address folds to `:key`, an O/R name to `:name_key`. There is one of each `Rank`
    at most, which leads each row; the better one comes first.
    """
    exact = union_all(*_exact()).subquery()
    return (
        select(exact.c.rank, *RECORD)
        .select_from(exact.join(_WITH_ADDRESSES, users.c.id == exact.c.user_id))
        .order_by(exact.c.rank, addresses.c.position)
    )


# There are at most 85 shapes: a personal name of 8, or none, with a mail node of
# 5, with or without a common name.
@cache
def _meant(columns: frozenset[str], most: int) -> Question:
    """Return the question for a name that has parts in these columns.

    It is one question for all, since asking takes as long as answering; what is not asked
    for if a user has the whole name is not looked up either. Ids are all that it
    finds: only one of them will be read.
    """
    by_parts, number = [], literal_column(str(most), Integer)
    for conditions in _ways(columns):
        some = select(or_names.c.user_id).where(_NOT_EXACT, *conditions).limit(number).subquery()
        by_parts.append(select(some.c.user_id, _rank(Rank.PARTS)))
    return union_all(*_exact(), *by_parts)


def _ways(columns: frozenset[str]) -> Iterator[list[ColumnElement[bool]]]:
    """Return the conditions for each way to read the words of a personal name.

    They are not alternatives of one condition: no index would answer that.
    """
    yield _equal(columns)
    if columns & _PERSONAL <= {"surname_key"}:
        return
    # Which words are the surname cannot be told for sure: `van der Berg`
    # may be all of it, and Mary Ann's surname is not Ann Smith. So the
    # words may also be a whole surname, or a whole personal name.
    words = or_names.c.surname_key == bindparam("words")
    yield [words, *_equal(columns - _PERSONAL)]
    key = or_names.c.name_key
    between = (key > bindparam("words_begin"), key < bindparam("words_end"))
    yield [*between, *_equal((columns - _PERSONAL).difference(_UNIT_COLUMNS))]


def _equal(columns: frozenset[str]) -> list[ColumnElement[bool]]:
    return [or_names.c[column] == bindparam(column) for column in sorted(columns)]
