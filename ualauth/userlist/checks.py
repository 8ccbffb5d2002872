"""What each field of a user may hold.

The database repeats the most important of these limits as constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import compress
from operator import attrgetter, is_not
from typing import Any

from ualauth.contract.credentials import ANONYMOUS
from ualauth.contract.identity import MailboxClass
from ualauth.errors import InvalidValue
from ualauth.passwords.cram_md5 import NAME as CRAM_MD5
from ualauth.passwords.scram import MECHANISMS, ScramSecret
from ualauth.text.folding import REFUSED, fold
from ualauth.text.language import MAX_LANGUAGE, is_language_tag
from ualauth.userlist.addresses import address_key, problem_of
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import read_own

MAX_LOGIN_NAME = 1024
"""The most octets of a login name: room for every authid, address and usual O/R name."""

MAX_AUTHID = 255
"""The most characters of an authid: what PLAIN has to take (RFC 4616, section 2). In
UTF-8 they fit in a login name."""

MAX_GROUP_NAME = 64
"""The most characters of a group's name: a common name's of X.411."""

MAX_ADDRESS = 254
"""The most octets of an address: a path of RFC 5321, section 4.5.3.1.3, without its brackets."""

MAX_LOCAL_PART = 64
"""The most octets before the @ (RFC 5321, section 4.5.3.1.1)."""

MAX_ADDRESSES = 1000
"""The most addresses of one user: each login reads them all."""

MAX_PASSWORD = 512
"""The most characters of a stored password: crypt(5) needs at most 384."""

MAX_UNIX_UID = 2**32 - 2
"""The highest uid: (uid_t) -1 means none (chown(2))."""

MAX_LOCK_REASON = 200
"""The most characters of why a user is locked: a line of a log."""

MAX_POLICY = 4096
"""The most characters of a user's own policy: each login reads it."""

MAX_MAILBOX_LIMIT = 2**31 - 1
"""The most MB of a mailbox: what a column of the database holds."""

_MECHANISMS = (*MECHANISMS, CRAM_MD5)


def check_fields(record: object, old: object = None) -> None:
    """Refuse a user with a value that its field cannot hold.

    What is as it was in an `old` record is not looked at: a user with an address of older days
    can still be locked.

    Raises:
        InvalidValue: which names the field and its limit, for the first one.

    """
    values = _fields(record)
    unusual = map(is_not, values, _USUAL if old is None else _fields(old))
    for value, (field, check, _) in compress(zip(values, _CHECKS, strict=True), unusual):
        try:
            check(value)
        except _Illegal as illegal:
            raise InvalidValue(f"{field}: {illegal}") from None


def check_group(group: Any) -> None:  # noqa: ANN401 - of a layer above this one
    """Refuse a group with a value that its field cannot hold.

    Raises:
        InvalidValue: which names the field and its limit, for the first one.

    """
    for field, value, check in (
        ("name", group.name, _group_name),
        ("O/R name", group.or_name, _name),
        ("addresses", group.addresses, _addresses),
    ):
        try:
            check(value)
        except _Illegal as illegal:
            raise InvalidValue(f"{field} of a group: {illegal}") from None


def check_group_name(name: str) -> None:
    """Refuse a name that no group can have.

    Raises:
        InvalidValue: which says what it may be.

    """
    try:
        _group_name(name)
    except _Illegal as illegal:
        raise InvalidValue(f"name of a group: {illegal}") from None


def check_new_authid(authid: str) -> None:
    """Refuse an authid that stands for logins without a name, for a user who does not have it yet.

    Raises:
        InvalidValue: which says so.

    """
    if fold(authid) == ANONYMOUS:
        raise InvalidValue(f"authid: {ANONYMOUS!r} stands for logins without a name (RFC 4505)")


def check_password(password: str | None) -> None:
    """Refuse a stored password that cannot be kept; `None` is no password.

    Raises:
        InvalidValue: which does not show the password.

    """
    if password is None:
        return
    legal = isinstance(password, str) and 1 <= len(password) <= MAX_PASSWORD
    if not legal or (not password.isprintable() and REFUSED.search(password)):
        raise InvalidValue(
            f"password: takes a hash of 1 to {MAX_PASSWORD} characters without control characters",
        )


def check_secrets(password: str | None, secrets: Sequence[ScramSecret]) -> None:
    """Refuse secrets that do not go with `password`, or with each other.

    Raises:
        InvalidValue: which does not show them.

    """
    check_password(password)
    if secrets and password is None:
        raise InvalidValue("secrets: there are none without a password")
    if len({secret.mechanism for secret in secrets}) != len(secrets):
        raise InvalidValue("secrets: has one for each mechanism, not two for the same")
    for secret in secrets:
        if secret.mechanism not in _MECHANISMS:
            known = ", ".join(_MECHANISMS)
            raise InvalidValue(f"secrets: {secret.mechanism!r} is none of {known}")
        salted = secret.salt or secret.mechanism == CRAM_MD5
        if not (salted and secret.stored_key and secret.server_key and secret.iterations > 0):
            raise InvalidValue(f"secrets: that of {secret.mechanism} is incomplete")


def is_address(text: str) -> bool:
    """Return whether a user may have this address."""
    try:
        _address(text)
    except _Illegal:
        return False
    return True


class _Illegal(Exception):
    """Why a field cannot hold a value."""


def _name(value: object) -> None:
    if not isinstance(value, ORName):
        raise _Illegal("must be an ORName")


def _authid(value: object) -> None:
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= MAX_AUTHID
        or value != value.strip()
        or (not value.isprintable() and REFUSED.search(value))
    ):
        raise _Illegal(
            f"takes 1 to {MAX_AUTHID} characters, no control characters, and no blank at the ends",
        )


def _group_name(value: object) -> None:
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= MAX_GROUP_NAME
        or value != value.strip()
        or (not value.isprintable() and REFUSED.search(value))
    ):
        raise _Illegal(
            f"takes 1 to {MAX_GROUP_NAME} characters, no control characters, "
            "and no blank at the ends",
        )


def _addresses(value: object) -> None:
    if not isinstance(value, tuple) or len(value) > MAX_ADDRESSES:
        raise _Illegal(f"must be addresses, {MAX_ADDRESSES} at most")
    for address in value:
        _address(address)
    if len(value) > 1 and len({address_key(address) for address in value}) != len(value):
        raise _Illegal(
            "has the same address twice; upper and lower case do not count, nor how "
            "a domain is spelled"
        )


def _address(value: object) -> None:
    if not isinstance(value, str) or (not value.isprintable() and REFUSED.search(value)):
        raise _Illegal("must be texts without control characters")
    if len(value.encode()) > MAX_ADDRESS:
        raise _Illegal(f"{_shown(value)} is longer than {MAX_ADDRESS} octets")
    if problem := problem_of(value):
        raise _Illegal(f"{_shown(value)} {problem}")
    if len(value.rpartition("@")[0].encode()) > MAX_LOCAL_PART:
        raise _Illegal(f"{_shown(value)} has more than {MAX_LOCAL_PART} octets before the @")


def _shown(address: str) -> str:
    return repr(address[:MAX_ADDRESS])


def _flag(value: object) -> None:
    if not isinstance(value, bool):
        raise _Illegal("must be true or false")


def _time(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _Illegal("must be a point in time with its time zone")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise _Illegal("must lie in the years 1 to 9999") from None


def _unix_uid(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_UNIX_UID:
        raise _Illegal(f"must be a number from 0 to {MAX_UNIX_UID}")


def _mailbox_class(value: object) -> None:
    if not isinstance(value, MailboxClass):
        raise _Illegal(f"must be one of {', '.join(choice.value for choice in MailboxClass)}")


def _language(value: object) -> None:
    if not isinstance(value, str) or (value and not is_language_tag(value)):
        raise _Illegal(
            f"takes at most {MAX_LANGUAGE} characters in the form of BCP 47, such as de or pt-BR"
        )


def _mailbox_limit(value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_MAILBOX_LIMIT:
        raise _Illegal(
            f"must be a number of MB from 0 to {MAX_MAILBOX_LIMIT}; 0 is the server's default"
        )


def _lock_reason(value: object) -> None:
    if not isinstance(value, str) or len(value) > MAX_LOCK_REASON or REFUSED.search(value):
        raise _Illegal(f"takes at most {MAX_LOCK_REASON} characters, no control characters")


def _policy(value: object) -> None:
    if not isinstance(value, str) or len(value) > MAX_POLICY:
        raise _Illegal(f"takes a JSON object of at most {MAX_POLICY} characters")
    read_own(value)


# Nothing is this object.
_NOTHING = object()

_CHECKS: Sequence[tuple[str, Callable[[Any], None], object]] = (
    ("name", _name, _NOTHING),
    ("authid", _authid, _NOTHING),
    ("addresses", _addresses, ()),
    ("locked", _flag, False),
    ("account_expires", _time, None),
    ("password_changed", _time, None),
    ("password_expires", _time, None),
    ("administrator", _flag, False),
    ("mailbox_administrator", _flag, False),
    ("unix_uid", _unix_uid, None),
    ("mailbox_class", _mailbox_class, MailboxClass.FULL),
    ("language", _language, ""),
    ("account_starts", _time, None),
    ("lock_reason", _lock_reason, ""),
    ("must_change_password", _flag, False),
    ("policy", _policy, ""),
    ("mailbox_limit", _mailbox_limit, 0),
    ("limit_outbound_mail", _flag, False),
    ("limit_inbound_mail", _flag, False),
    ("limit_notify_user", _flag, False),
    ("hidden", _flag, False),
)
"""Field, its check, and the value that most users have: it is legal, and needs no check."""

_fields = attrgetter(*[field for field, _, _ in _CHECKS])
_USUAL = tuple(usual for _, _, usual in _CHECKS)
