"""Rows of the database become records, and records rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from ualauth.contract.identity import MailboxClass
from ualauth.errors import InvalidValue, StoreError
from ualauth.text.folding import fold
from ualauth.userlist.names import LIMITS, ORName, parts_of
from ualauth.userlist.record import NewUser, User

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = Sequence[Any]


def users_of(rows: Sequence[Row]) -> Iterator[User]:
    """Return the users of rows in the shape of `queries.RECORD`, in order.

    Raises:
        StoreError: for a record that no version of this library wrote.

    """
    for _, group in groupby(rows, key=_first):
        yield user_of(list(group))


def user_of(rows: Sequence[Row]) -> User:
    """Return the one user of `rows`; errors are those of `users_of`."""
    (
        number,
        authid,
        password,
        locked,
        account_expires,
        password_changed,
        password_expires,
        administrator,
        mailbox_administrator,
        unix_uid,
        mailbox_class,
        language,
        revision,
        created,
        changed,
        surname,
        given_name,
        initials,
        generation,
        common_name,
        ou1,
        ou2,
        ou3,
        ou4,
        account_starts,
        lock_reason,
        must_change_password,
        policy,
        grace_logins_used,
        mailbox_limit,
        limit_outbound_mail,
        limit_inbound_mail,
        limit_notify_user,
        hidden,
        company_id,
        address,
    ) = rows[0]
    try:
        return User(
            id=number,
            name=ORName(
                surname,
                given_name,
                initials,
                generation,
                common_name,
                ou1,
                ou2,
                ou3,
                ou4,
            ),
            authid=authid,
            addresses=() if address is None else tuple([row[-1] for row in rows]),
            password=password,
            locked=bool(locked),
            account_expires=None if account_expires is None else moment(account_expires),
            password_changed=None if password_changed is None else moment(password_changed),
            password_expires=None if password_expires is None else moment(password_expires),
            administrator=bool(administrator),
            mailbox_administrator=bool(mailbox_administrator),
            unix_uid=unix_uid,
            mailbox_class=MailboxClass(mailbox_class),
            language=language,
            revision=revision,
            created=moment(created),
            changed=moment(changed),
            account_starts=None if account_starts is None else moment(account_starts),
            lock_reason=lock_reason,
            must_change_password=bool(must_change_password),
            policy=policy,
            grace_logins_used=grace_logins_used,
            mailbox_limit=mailbox_limit,
            limit_outbound_mail=bool(limit_outbound_mail),
            limit_inbound_mail=bool(limit_inbound_mail),
            limit_notify_user=bool(limit_notify_user),
            hidden=bool(hidden),
            company_id=company_id,
        )
    except (InvalidValue, ValueError, TypeError, OverflowError):
        # What was wrong may be a secret in the wrong column.
        raise StoreError(
            f"the USERLIST has a damaged record (id {number!r}): restore it from a backup",
        ) from None


USER_COLUMNS = (
    "authid",
    "authid_key",
    "locked",
    "account_expires",
    "password_changed",
    "password_expires",
    "administrator",
    "mailbox_administrator",
    "unix_uid",
    "mailbox_class",
    "language",
    "account_starts",
    "lock_reason",
    "must_change_password",
    "policy",
    "mailbox_limit",
    "limit_outbound_mail",
    "limit_inbound_mail",
    "limit_notify_user",
    "hidden",
    *LIMITS,
)
"""The columns of `users` that hold fields of a record, all but the password."""


def user_row(record: NewUser) -> tuple[object, ...]:
    """Return the values of `USER_COLUMNS`."""
    return (
        record.authid,
        fold(record.authid),
        record.locked,
        microseconds(record.account_expires),
        microseconds(record.password_changed),
        microseconds(record.password_expires),
        record.administrator,
        record.mailbox_administrator,
        record.unix_uid,
        record.mailbox_class.value,
        record.language,
        microseconds(record.account_starts),
        record.lock_reason,
        record.must_change_password,
        record.policy,
        record.mailbox_limit,
        record.limit_outbound_mail,
        record.limit_inbound_mail,
        record.limit_notify_user,
        record.hidden,
        *parts_of(record.name),
    )


def values_of(record: NewUser) -> dict[str, object]:
    """Return column -> value of what `user_row` has."""
    return dict(zip(USER_COLUMNS, user_row(record), strict=True))


def microseconds(time: datetime | None) -> int | None:
    """Return a time as the database keeps it."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """Return a time that the database keeps."""
    return _EPOCH + timedelta(microseconds=number)


def _first(row: Row) -> object:
    return row[0]
