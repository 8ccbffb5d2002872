"""Questions for all users of whom something holds, a page at a time.

An administrator asks them, and no login: what no index answers is looked at user by user in the
order of the authids, so that a list of all costs the same however many pages it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
)

from ualauth.userlist.database import queries
from ualauth.userlist.database.tables import (
    addresses,
    companies,
    group_groups,
    group_users,
    groups,
    last_logins,
    login_failures,
    login_names,
    or_names,
    sasl_passwords,
    users,
)
from ualauth.userlist.record import NO_PASSWORD

ESCAPE = "!"
"""Takes the meaning from the sign after it in patterns of LIKE."""


def _like(column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    return column.like(bindparam(parameter, type_=Text), escape=ESCAPE)


def _of_domain() -> ColumnElement[bool]:
    """Return whether a login name ends as one of the two spellings of a domain does."""
    key = login_names.c.key
    spellings = or_(_like(key, "domain"), _like(key, "other_domain"))
    return exists().where(login_names.c.user_id == users.c.id, spellings)


def _matching() -> ColumnElement[bool]:
    """Return whether an authid, an address or the O/R name is like a pattern."""
    key, column = login_names.c.key, or_names.c
    words = (column.given_name_key, column.initials_key, column.surname_key, column.generation_key)
    units = (column.ou2_key, column.ou3_key, column.ou4_key)
    personal = func.rtrim(_joined(*(case((each == "", ""), else_=each + " ") for each in words)))
    node = _joined(*(case((each == "", ""), else_="," + each) for each in units))
    positional = _joined(
        personal,
        case((column.ou1_key == "", ""), else_="/" + column.ou1_key),
        node,
        case((column.common_name_key == "", ""), else_="/cn=" + column.common_name_key),
    )
    names = or_(*(_like(each, "match") for each in (personal, column.common_name_key, positional)))
    return or_(
        exists().where(login_names.c.user_id == users.c.id, _like(key, "match")),
        exists().where(or_names.c.user_id == users.c.id, names),
    )


def _joined(first: ColumnElement[str], *others: ColumnElement[str]) -> ColumnElement[str]:
    for each in others:
        first += each
    return first


def _maybe_expired() -> ColumnElement[bool]:
    """Return whether the account or the password may have expired at `:now`.

    The age of a password follows from rules, which no database reads: `:aged` says that all
    users have one, and who has a rule of their own may.
    """
    now = bindparam("now", type_=BigInteger)
    return or_(
        users.c.account_expires <= now,
        users.c.password_expires <= now,
        users.c.policy.like("%maximum_age_days%"),
        exists().where(
            companies.c.id == users.c.company_id, companies.c.policy.like("%maximum_age_days%")
        ),
        bindparam("aged", type_=Boolean),
    )


def _in_group() -> ColumnElement[bool]:
    """Return whether a user is in the group with the id `:group`, also by groups in it."""
    below = select(groups.c.id).where(groups.c.id == bindparam("group", type_=Integer))
    tree = below.cte("below_group", recursive=True)
    tree = tree.union(select(group_groups.c.member_id).where(group_groups.c.group_id == tree.c.id))
    return exists().where(
        group_users.c.user_id == users.c.id, group_users.c.group_id.in_(select(tree.c.id))
    )


CONDITIONS: Mapping[str, Callable[[], ColumnElement[bool]]] = {
    "domain": _of_domain,
    "group": _in_group,
    "match": _matching,
    "locked": lambda: users.c.locked,
    "expired": _maybe_expired,
    "never_logged_in": lambda: ~exists().where(last_logins.c.user_id == users.c.id),
}
"""Field of a `UserFilter` -> what has to hold, with the parameters of these names."""


@cache
def page(
    fields: frozenset[str], mechanisms: tuple[str, ...], *, some: bool = False
) -> Select[tuple[object, ...]]:
    """Return the question for the next users after the one whose folded authid is `:after`.

    Rows have that key, the moment, service and source of the last login, and the columns of
    `queries.RECORD`. With `mechanisms` users have a password, but not all of
    these SASL secrets. With `some` only those with one of `queries.some_ids` are looked at.
    """
    conditions = [CONDITIONS[field]() for field in sorted(fields)]
    if mechanisms:
        conditions += [users.c.password.is_not(None), _lacking(mechanisms)]
    if some:
        conditions.append(queries.is_some_id(users.c.id))
    chosen = (
        select(users)
        .where(users.c.authid_key > bindparam("after"), *conditions)
        .order_by(users.c.authid_key)
        .limit(queries.PAGE)
        .subquery()
    )
    login = last_logins.c
    return (
        select(
            chosen.c.authid_key,
            login.moment,
            login.service,
            login.source,
            *(chosen.c[column.key] for column in queries.RECORD[:-1]),
            queries.RECORD[-1],
        )
        .select_from(
            chosen.outerjoin(last_logins, login.user_id == chosen.c.id).outerjoin(
                addresses, addresses.c.user_id == chosen.c.id
            )
        )
        .order_by(chosen.c.authid_key, addresses.c.position)
    )


@cache
def progress(*, of_domain: bool) -> Select[tuple[object, ...]]:
    """Return the question for how far the next users after the key `:after` have moved.

    Rows have the folded authid, the authid, the primary address, whether there is a password,
    whether the user is locked, and the moment, service and source of the last login. With
    `of_domain` they have the domain `:domain` or `:other_domain`.
    """
    login, first = last_logins.c, addresses.c
    statement = select(
        users.c.authid_key,
        users.c.authid,
        first.address,
        users.c.password.is_not(None) & (users.c.password != literal_column(f"'{NO_PASSWORD}'")),
        users.c.locked,
        login.moment,
        login.service,
        login.source,
    ).select_from(
        users.outerjoin(last_logins, login.user_id == users.c.id).outerjoin(
            addresses, (first.user_id == users.c.id) & (first.position == 0)
        )
    )
    conditions = [_of_domain()] if of_domain else []
    return (
        statement.where(users.c.authid_key > bindparam("after"), *conditions)
        .order_by(users.c.authid_key)
        .limit(20 * queries.PAGE)
    )


def _lacking(mechanisms: tuple[str, ...]) -> ColumnElement[bool]:
    present = (
        select(func.count())
        .where(
            sasl_passwords.c.user_id == users.c.id,
            sasl_passwords.c.mechanism.in_([literal_column(f"'{each}'") for each in mechanisms]),
        )
        .scalar_subquery()
    )
    return present < literal_column(str(len(mechanisms)))


NEXT_IDS = (
    select(users.c.id)
    .where(users.c.id > bindparam("after", type_=Integer))
    .order_by(users.c.id)
    .limit(20 * queries.PAGE)
)
"""The next ids after `:after`."""

LOCKED_OUT = select(login_failures.c.name).where(
    login_failures.c.locked_until > bindparam("now", type_=BigInteger)
)
"""Under what failures are kept that lock out at `:now`."""
