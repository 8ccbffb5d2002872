"""What a line of a file amounts to: a user, or a problem; and what is written to one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ualauth.errors import InvalidValue, PasswordError, UserError
from ualauth.passwords.forms import read_whole
from ualauth.passwords.scram import ScramSecret
from ualauth.passwords.stored import read
from ualauth.userlist.bulk import NO_HISTORY, History
from ualauth.userlist.checks import check_secrets
from ualauth.userlist.names import LIMITS, ORName, parse_units
from ualauth.userlist.policy import OWN_POLICY, Policy
from ualauth.userlist.record import NO_PASSWORD, LastLogin, NewUser, User

# What looks like a stored password, should one stand where a name belongs.
_HASH = re.compile(r"(?:\$[\w.,=-]+\$|\{[\w.-]+\})[^\s'\"]+")
_CLEAR_TEXT = "plain"

Fields = dict[str, Any]
"""Field of a user -> value, for the fields that a file gives.

`OWN_POLICY` stands for a policy that is to be added to what a user has of their own; a
`policy` replaces it. In place of `name` there may be `NAME_PARTS`, and the three others below.
"""

NAME_PARTS = "name parts"
"""Stands for the parts of the O/R name that a file gives, by their names."""

UNKNOWN_HASHES = "without a password: no scheme verifies their hash"
"""Counts users who are taken although their hash cannot be verified."""

MADE_UP = "made up"
"""Stands for what new users get whom the file does not give it: fields, and `NAME_PARTS`."""

CLOSED = "closed"
"""Stands for a lock that an export put in place of reasons which its format cannot carry."""

HISTORY = "history"
"""Stands for what only the USERLIST sets, and an export of the whole record has."""

_UNITS = ("ou1", "ou2", "ou3", "ou4")


@dataclass(frozen=True, slots=True)
class UserLine:
    """A user, the number of the line where they begin, and which fields the file gives.

    The parts of an O/R name are among `fields` where the file gives no whole name. `missing` says
    what is, for a new user; `is_closed` is as `CLOSED` has it.
    """

    number: int
    user: NewUser
    fields: frozenset[str]
    secrets: tuple[ScramSecret, ...] = field(default=(), repr=False)
    missing: str = ""
    is_closed: bool = False
    history: History = field(default=NO_HISTORY, repr=False)


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
    `updates` takes lines without a name, for users who are there. `delimiter` separates the
    cells of CSV, and `ignore_columns`, in lower case, are passed over. `maximum_uid` is as
    `minimum_uid`; without it the numbers that systems use for their own are left out.
    `unix_uids` is whether UNIX uids are taken at all. Hashes of passwd and Dovecot files without
    a scheme are of the `default_scheme`. Entries of LDIF have their authid in `uid_attribute`,
    in lower case. `encoding` is that of the file; UTF-8, or UTF-16 with its mark, if empty.
    With `lock_unknown_hashes` users whose hash cannot be verified are taken without it.
    `left_out` counts what is no user's, by why; and `UNKNOWN_HASHES`.
    """

    domain: str = ""
    units: tuple[str, ...] = ()
    minimum_uid: int = 1000
    shadow: str | None = None
    clear_text: bool = False
    ignore: frozenset[str] = frozenset()
    updates: bool = False
    delimiter: str = ""
    ignore_columns: frozenset[str] = frozenset()
    maximum_uid: int | None = None
    unix_uids: bool = True
    default_scheme: str = ""
    uid_attribute: str = "uid"
    encoding: str = ""
    lock_unknown_hashes: bool = False
    left_out: Counter[str] = field(default_factory=Counter, compare=False)


def line_of(
    number: int,
    fields: Fields,
    secrets: Sequence[ScramSecret],
    reading: Reading,
) -> Line:
    """Return the user of some fields, or why there is none."""
    try:
        is_closed, history = fields.pop(CLOSED, False), fields.pop(HISTORY, NO_HISTORY)
        if (
            (stored := fields.get("password"))
            and stored[-1:].isspace()
            and not _is_in_clear_text(stored)
        ):
            # slapd and Dovecot pass over a blank behind a hash.
            fields["password"] = stored.rstrip()
        if reading.lock_unknown_hashes and stored and not _can_be_verified(fields["password"]):
            # New users get one that nothing matches; those who are there keep theirs.
            del fields["password"]
            secrets, history = (), replace(history, former_passwords=None)
            reading.left_out[UNKNOWN_HASHES] += 1
        values, given, missing = _completed(fields, reading)
        password = fields.get("password")
        user = NewUser(**values | {"locked": True} if is_closed else values)
        if secrets:
            check_secrets(password, secrets)
        stored_password = None if password is None else read_whole(password)
        if stored_password is not None and stored_password.scheme.name == _CLEAR_TEXT:
            if not reading.clear_text:
                return BadLine(number, "password: is clear text, which --hash-clear-text takes")
            clear_text(password)
    except (UserError, PasswordError) as error:
        return bad_line(number, str(error))
    return UserLine(number, user, given, tuple(secrets), missing, is_closed, history)


def _can_be_verified(stored: str) -> bool:
    try:
        read_whole(stored)
    except PasswordError:
        return False
    return True


def _is_in_clear_text(stored: str) -> bool:
    try:
        return read(stored).scheme.name == _CLEAR_TEXT
    except PasswordError:
        return False


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
    stored = read(password)
    if stored.scheme.name != _CLEAR_TEXT:
        return None
    try:
        return stored.data.decode()
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


def _completed(fields: Fields, reading: Reading) -> tuple[Fields, frozenset[str], str]:
    """Return what a new user gets, the fields that the file gives, and what a new user lacks.

    What is made up is for new users only: those who are there keep what they have.
    """
    if "authid" not in fields:
        raise InvalidValue("authid: is missing")
    values = {"password": NO_PASSWORD} | fields.pop(MADE_UP, {})
    made_up_parts = values.pop(NAME_PARTS, {})
    parts = fields.pop(NAME_PARTS, {})
    given = {*fields, *parts}
    values |= fields
    missing = ""
    if "name" not in values:
        values["name"], missing = _new_name(made_up_parts | parts, fields["authid"], reading)
        given -= {"name"}
    if reading.units and not values["name"].ou1:
        values["name"] = with_units(values["name"], reading.units)
        given -= {*_UNITS}
        if "name" in given:
            given = given - {"name"} | LIMITS.keys() - {*_UNITS}
    if reading.domain and not values.get("addresses"):
        authid = values["authid"]
        values["addresses"] = (authid if "@" in authid else f"{authid}@{reading.domain}",)
        given -= {"addresses"}
    if OWN_POLICY in values:
        values["policy"] = values.pop(OWN_POLICY)
    return values, frozenset(given), missing


def _new_name(parts: Mapping[str, str], authid: str, reading: Reading) -> tuple[ORName, str]:
    """Return the O/R name of a new user, and what is missing of it."""
    missing = "" if any(parts.values()) else "name: is missing"
    try:
        if not missing:
            return name_of(parts), ""
    except InvalidValue as error:
        missing = str(error)
    if not reading.updates or "surname" in parts:
        raise InvalidValue(missing)
    # Of a user who is there, it takes only the parts that are given.
    return name_of({"surname": authid[: LIMITS["surname"]].strip(), **parts}), missing


ExportedUser = tuple[User, tuple[ScramSecret, ...]]
"""What goes into a file that is written: a user and UL-SASL-PWD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How users are written: with `passwords` or without, in LDIF below `base`.

    `policy` is that of the settings, by which users are refused here at the time `now`. A
    reader who has the `same_settings` needs not be told of it. Users who are kept out from
    elsewhere, of other services or at other times only are written as locked where a format
    cannot say so, unless `open_restricted`. `notes` counts what has to be told of that.
    `former_passwords` says what UL-PWD of a user was before, and `last_login` when, for which
    service and from where a user last logged in.
    """

    passwords: bool = True
    base: str = ""
    policy: Policy = field(default_factory=Policy)
    same_settings: bool = False
    open_restricted: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: Counter[str] = field(default_factory=Counter)
    former_passwords: Callable[[User], Sequence[str]] = lambda _user: ()
    last_login: Callable[[User], LastLogin | None] = lambda _user: None
    company_policy: Callable[[User], str] = lambda _user: ""

    def policy_of(self, user: User) -> Policy:
        """Return the policy of a user: the user's own before the company's and the settings'."""
        return self.policy.with_own(self.company_policy(user)).with_own(user.policy)
