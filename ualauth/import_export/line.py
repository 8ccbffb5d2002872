"""What a line of a file amounts to: a user, or a problem; and what is written to one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ualauth.errors import InvalidValue, PasswordError, UserError
from ualauth.passwords.scram import ScramSecret
from ualauth.passwords.stored import read
from ualauth.userlist.checks import check_secrets
from ualauth.userlist.names import ORName, parse_units
from ualauth.userlist.policy import OWN_POLICY, Policy
from ualauth.userlist.record import NewUser, User

# What looks like a stored password, should one stand where a name belongs.
_HASH = re.compile(r"(?:\$[\w.,=-]+\$|\{[\w.-]+\})[^\s'\"]+")
_CLEAR_TEXT = "plain"

NO_PASSWORD = "*"  # noqa: S105 - nothing matches it
"""The password of new users to whom the file gives none: with `nullok`, none would let in."""

Fields = dict[str, Any]
"""Field of a user -> value, for the fields that a file gives.

`OWN_POLICY` stands for a policy that is to be added to what a user has of their own; a
`policy` replaces it.
"""


@dataclass(frozen=True, slots=True)
class UserLine:
    """A user, the number of the line where they begin, and which fields the file gives."""

    number: int
    user: NewUser
    fields: frozenset[str]
    secrets: tuple[ScramSecret, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no user, and why; the text shows no stored password."""

    number: int
    problem: str


Line = UserLine | BadLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What completes the users of a file.

    `domain` makes an address of an authid, `units` are the mail node; both for
    users to whom the file gives none. Accounts whose UNIX uid is below
    `minimum_uid` are left out of a passwd file, and `shadow` names the file
    with their passwords. `clear_text` takes passwords in clear text, which
    have to be hashed before they are stored. `ignore` are attributes of LDIF and extra
    fields of Dovecot, in lower case, that are to be passed over, whatever they restrict.
    """

    domain: str = ""
    units: tuple[str, ...] = ()
    minimum_uid: int = 1000
    shadow: str | None = None
    clear_text: bool = False
    ignore: frozenset[str] = frozenset()


def line_of(
    number: int,
    fields: Fields,
    secrets: Sequence[ScramSecret],
    reading: Reading,
) -> Line:
    """Return the user of some fields, or why there is none."""
    try:
        _complete(fields, reading)
        password = fields.get("password")
        given = frozenset(fields)
        user = NewUser(**_values(fields))
        if secrets:
            check_secrets(password, secrets)
        stored = None if password is None else read(password)
        if stored is not None and stored.is_too_costly():
            stored.check_cost()
        if stored is not None and stored.scheme.name == _CLEAR_TEXT:
            if not reading.clear_text:
                return BadLine(number, "password: is clear text, which --hash-clear-text takes")
            clear_text(password)
    except (UserError, PasswordError) as error:
        return bad_line(number, str(error))
    return UserLine(number, user, given, tuple(secrets))


def bad_line(number: int, problem: str) -> BadLine:
    """Return a bad line; whatever looks like a stored password is left out of its text."""
    return BadLine(number, _HASH.sub("(hash)", problem))


def clear_text(password: str | None) -> str | None:
    """Return the clear text of what is stored as such, or `None` for anything else.

    Raises:
        PasswordError: if no scheme knows it, or it is not UTF-8.

    """
    if password is None:
        return None
    found = read(password)
    if found.scheme.name != _CLEAR_TEXT:
        return None
    try:
        return found.data.decode()
    except UnicodeDecodeError:
        raise PasswordError("password: is clear text, but not UTF-8") from None


def name_of(parts: Mapping[str, str]) -> ORName:
    """Return the O/R name of some parts.

    Raises:
        InvalidValue: if it is none.

    """
    return ORName(**{"surname": "", **parts})


def units_of(mail_node: str) -> tuple[str, ...]:
    """Return the OUs of a mail node as `ny,hq`.

    Raises:
        InvalidValue: if it is none.

    """
    return parse_units(mail_node) if mail_node.strip() else ()


def with_units(name: ORName, units: Sequence[str]) -> ORName:
    """Return `name` with a mail node."""
    return replace(name, **{f"ou{index}": unit for index, unit in enumerate(units, 1)})


def _values(fields: Fields) -> Fields:
    """Return what a new user gets, which is more than what the file gives."""
    values = {"password": NO_PASSWORD, **fields}
    if OWN_POLICY in values:
        values["policy"] = values.pop(OWN_POLICY)
    return values


def _complete(fields: Fields, reading: Reading) -> None:
    """Give a user the address and the mail node that the file does not."""
    if "authid" not in fields:
        raise InvalidValue("authid: is missing")
    if "name" not in fields:
        raise InvalidValue("name: is missing")
    if reading.units and not fields["name"].ou1:
        fields["name"] = with_units(fields["name"], reading.units)
    if reading.domain and not fields.get("addresses"):
        authid = fields["authid"]
        fields["addresses"] = (authid if "@" in authid else f"{authid}@{reading.domain}",)


ExportedUser = tuple[User, tuple[ScramSecret, ...]]
"""What goes into a file that is written: a user and UL-SASL-PWD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How users are written: with `passwords` or without, in LDIF below `base`.

    `policy` is that of the settings, by which users are refused here at the time `now`. A
    reader who has the `same_settings` needs not be told of it. Users who are kept out from
    elsewhere, of other services or at other times only are written as locked where a format
    cannot say so, unless `open_restricted`. `notes` counts what has to be told of that.
    """

    passwords: bool = True
    base: str = ""
    policy: Policy = field(default_factory=Policy)
    same_settings: bool = False
    open_restricted: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: Counter[str] = field(default_factory=Counter)
