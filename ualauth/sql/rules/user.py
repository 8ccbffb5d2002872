"""A row becomes a user: which columns mean what, by their names.

The names are Dovecot's where it has one (doc.dovecot.org, "Passdb extra fields"); case does not
count. A column that is not known says nothing, but for those of Dovecot that would restrict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from ualauth.contract.identity import MailboxClass
from ualauth.passwords.marking import marked
from ualauth.sql.drivers.driver import Answer
from ualauth.sql.faults import Unreadable
from ualauth.sql.rules import columns
from ualauth.stack.control import ascii_lower
from ualauth.system.networks import Network

COLUMNS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "user": ((), "who the row is of: the name that the user has, however it was typed"),
    "username": ((), "the same; with `domain` beside it, what stands before the `@`"),
    "domain": ((), "what stands behind the `@` of `username`"),
    "password": ((), "the stored password; NULL or empty lets no user in"),
    "active": (("enabled", "is_active"), "whether the account may be used; NULL is no"),
    "nologin": ((), "the account may not be used, and a text says why; NULL and no have no effect"),
    "expires": (("expires_at",), "until when it may be used; NULL is no limit"),
    "allow_nets": (("networks",), "from where it may be used; NULL is no limit, empty nowhere"),
    "addresses": (("address", "mail", "email"), "the user's addresses, the primary one first"),
    "name": ((), "the name of the person"),
    "mail_node": ((), "the mail node"),
    "language": ((), "the language"),
    "administrator": ((), "whether the user is an administrator"),
    "mailbox_administrator": ((), "whether the user administers mailboxes"),
    "mailbox_class": ((), "`full` or `limited`"),
}
"""Name of a column -> other names that it may have, and what it says."""
_BY_NAME = {name: column for column, (others, _) in COLUMNS.items() for name in (column, *others)}
_RESTRICT = re.compile(
    r"nopassword|noauthenticate|fail|deny|delay_until|allow_real_nets|password_noscheme|"
    r"proxy\w*|host|destuser|master_user|login_user|original_user|passdb_import"
)
"""Columns that Dovecot would obey, and that have no equal here."""


@dataclass(frozen=True, slots=True)
class SqlUser:
    """What a row says; what it does not say is `None`, or empty."""

    name: str
    password: str = field(repr=False)
    """With its scheme; empty if there is none."""
    active: bool = True
    lock: str | None = None
    """Why the user may not log in, which may be empty."""
    expires: datetime | None = None
    networks: tuple[Network, ...] | None = None
    is_local_allowed: bool = False
    addresses: tuple[str, ...] = ()
    person: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a `Person`."""


def understood(names: tuple[str, ...]) -> dict[str, str]:
    """Return which columns of an answer mean what: name in the answer -> our name, or empty."""
    return {name: _BY_NAME.get(ascii_lower(name), "") for name in names}


def read_user(answer: Answer, default_scheme: str, zone: tzinfo) -> SqlUser:
    """Return the user of the only row of an answer.

    Raises:
        Unreadable: if a value is not of its column's kind, or columns are missing or ambiguous.

    """
    given = _given(answer)
    if "password" not in given:
        raise Unreadable("the query gives no column `password`", "write SELECT ... AS password")
    values = {
        column: _read(column, value, zone) for column, value in given.items() if value is not None
    }
    networks, is_local_allowed = values.get("allow_nets", (None, False))
    name = _name(values)
    addresses = values.get("addresses") or ([name] if "@" in name else [])
    return SqlUser(
        name=name,
        password=marked(values.get("password", ""), default_scheme),
        # NULL is no yes.
        active=values.get("active", "active" not in given),
        lock=values.get("nologin"),
        expires=values.get("expires"),
        networks=networks,
        is_local_allowed=is_local_allowed,
        addresses=tuple(dict.fromkeys(addresses)),
        person={name: values[name] for name in _OF_PERSON if name in values},
    )


def _given(answer: Answer) -> dict[str, Any]:
    """Return the values of the columns that are known, by our names.

    Raises:
        Unreadable: if two columns mean the same, or one would restrict and cannot be obeyed.

    """
    (row,) = answer.rows
    given: dict[str, Any] = {}
    for name, value in zip(answer.columns, row, strict=True):
        folded = ascii_lower(name)
        column = _BY_NAME.get(folded)
        if column is None:
            if value is not None and _RESTRICT.fullmatch(folded):
                cure = "leave it out, or write what it says with active or nologin"
                raise Unreadable(f"the column {folded!r} is Dovecot's, and cannot be obeyed", cure)
        elif column in given:
            text = f"two columns of the query say what `{column}` says"
            raise Unreadable(text, "leave one of them out, or give it another name")
        else:
            given[column] = value
    return given


def _read(column: str, value: Any, zone: tzinfo) -> Any:  # noqa: ANN401 - any column
    try:
        if column == "expires":
            return columns.moment(value, zone)
        return _READ[column](value)
    except ValueError as error:
        cure = "see the type of the column, and what the query makes of it"
        raise Unreadable(f"the column `{column}` cannot be read: {error}", cure) from None


def _name(values: Mapping[str, Any]) -> str:
    """Return who the row is of, or nothing if it does not say."""
    name: str = values.get("user", "")
    if name:
        return name
    local, domain = values.get("username", ""), values.get("domain", "")
    return f"{local}@{domain}" if local and domain and "@" not in local else local


def _mailbox_class(value: Any) -> MailboxClass:  # noqa: ANN401 - any column
    # A word that is not known limits.
    full = columns.text(value).lower() == "full"
    return MailboxClass.FULL if full else MailboxClass.LIMITED


_OF_PERSON = (
    *("name", "mail_node", "language"),
    *("administrator", "mailbox_administrator", "mailbox_class"),
)
_READ: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("user", "username", "domain", "password"), columns.text),
    **dict.fromkeys(("name", "mail_node", "language"), columns.text),
    **dict.fromkeys(("active", "administrator", "mailbox_administrator"), columns.flag),
    "nologin": columns.lock,
    "allow_nets": columns.networks,
    "addresses": columns.listed,
    "mailbox_class": _mailbox_class,
}
