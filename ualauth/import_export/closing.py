"""Who is refused here, and how each format says so to its readers.

Every reader of a file must refuse the users whom ualauth refuses now. CSV carries the whole
record. The other formats have no place for much of it: who cannot log in now is
written as locked, and so is who cannot log in from everywhere, for every service or at any
time. What begins to hold later can only be said, to the one who writes the file.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ualauth.contract.identity import MailboxClass
from ualauth.import_export.line import Writing
from ualauth.passwords.policy import PasswordRules
from ualauth.userlist.account.password_age import has_grace, password_expires
from ualauth.userlist.policy import AccountRules, Policy, print_own, read_own
from ualauth.userlist.record import User


class Cell(enum.Enum):
    """What a format does with a reason."""

    CARRIED = "carried"
    CLOSED = "locked"
    SOMETIMES = "locked, unless `--open-restricted`"
    SAID = "open, and said"


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """Why a user is refused: `text` after a number of users, and what each format does."""

    text: str
    applies: Callable[[User, Policy, Writing], bool]
    cells: Mapping[str, Cell]


def _has_expired(user: User, policy: Policy, writing: Writing) -> bool:
    expires = password_expires(user, policy.password)
    return expires is not None and expires <= writing.now


def _cells(ldif: Cell, dovecot: Cell, passwd: Cell) -> Mapping[str, Cell]:
    return {"csv": Cell.CARRIED, "ldif": ldif, "dovecot": dovecot, "passwd": passwd}


_CLOSED = _cells(Cell.CLOSED, Cell.CLOSED, Cell.CLOSED)
_ELSEWHERE = _cells(Cell.SOMETIMES, Cell.SOMETIMES, Cell.SOMETIMES)
_LATER = _cells(Cell.CARRIED, Cell.SAID, Cell.SAID)

REASONS: Mapping[str, Reason] = {
    "locked": Reason("locked", lambda user, _policy, _writing: user.locked, _CLOSED),
    "no password": Reason(
        "without a password",
        lambda user, _policy, _writing: user.password is None,
        # An empty field lets in without a password in a passwd file, but not in Dovecot's.
        _cells(Cell.CARRIED, Cell.CARRIED, Cell.CLOSED),
    ),
    "account expired": Reason(
        "with an account that has expired",
        lambda user, _policy, writing: (
            user.account_expires is not None and user.account_expires <= writing.now
        ),
        _CLOSED,
    ),
    "account not begun": Reason(
        "with an account that has not begun",
        lambda user, _policy, writing: (
            user.account_starts is not None and user.account_starts > writing.now
        ),
        _CLOSED,
    ),
    "password must be changed": Reason(
        "with a password that must be changed",
        lambda user, _policy, _writing: user.must_change_password,
        _CLOSED,
    ),
    "password expired": Reason(
        "with a password that has expired",
        _has_expired,
        _CLOSED,
    ),
    "services": Reason(
        "with services that are allowed",
        lambda _user, policy, _writing: bool(policy.account.allowed_services),
        _ELSEWHERE,
    ),
    "locked services": Reason(
        "with services that are locked",
        lambda _user, policy, _writing: bool(policy.account.locked_services),
        _ELSEWHERE,
    ),
    "mechanisms": Reason(
        "with mechanisms that are allowed",
        lambda _user, policy, _writing: bool(policy.account.allowed_mechanisms),
        _ELSEWHERE,
    ),
    "networks": Reason(
        "with networks that are allowed",
        lambda _user, policy, _writing: bool(policy.networks),
        _cells(Cell.SOMETIMES, Cell.CARRIED, Cell.SOMETIMES),
    ),
    "hours": Reason(
        "with hours that are allowed",
        lambda _user, policy, _writing: bool(policy.hours),
        _ELSEWHERE,
    ),
    "account expires later": Reason(
        "with an account that expires later",
        lambda user, _policy, writing: (
            user.account_expires is not None and user.account_expires > writing.now
        ),
        _LATER,
    ),
    "password expires later": Reason(
        "with a password that expires later",
        lambda user, policy, writing: (
            password_expires(user, policy.password) is not None
            and not _has_expired(user, policy, writing)
        ),
        _LATER,
    ),
}
"""Every reason why a login is refused, after the right password."""

_UNREMARKABLE = frozenset({"locked", "no password"})
"""Reasons that any reader sees."""


def closed(user: User, kind: str, writing: Writing) -> bool:
    """Return whether a format must write a user as locked; note what it cannot carry."""
    policy = writing.policy_of(user)
    is_closed = False
    for name, reason in REASONS.items():
        cell = reason.cells[kind]
        if cell is Cell.CARRIED or not reason.applies(user, policy, writing):
            continue
        is_open = cell is Cell.SAID or (cell is Cell.SOMETIMES and writing.open_restricted)
        is_closed |= not is_open
        if name not in _UNREMARKABLE and writing.passwords:
            note(writing, reason.text, "left open" if is_open else "written as locked")
    return is_closed


def note(writing: Writing, text: str, what: str) -> None:
    """Count a user of whom something has to be told."""
    writing.notes[f"{text}, which {{kind}} cannot carry: {what}"] += 1


def note_left_out(
    user: User, secrets: Sequence[object], writing: Writing, *, has_limit: bool = False
) -> None:
    """Count what files of lines have no place for, besides reasons to refuse a login.

    `has_limit` is whether the format has one for the limit of a mailbox.
    """
    actions = user.limit_outbound_mail or user.limit_inbound_mail or user.limit_notify_user
    for text, is_there in (
        ("with addresses", bool(set(user.addresses) - {user.authid})),
        ("with a mail node", bool(user.name.ou1)),
        ("with SASL secrets", bool(secrets)),
        ("with rights of administrators", user.administrator or user.mailbox_administrator),
        ("with a limited mailbox class", user.mailbox_class is not MailboxClass.FULL),
        ("with a language", bool(user.language)),
        ("with a limit of the mailbox", bool(user.mailbox_limit) and not has_limit),
        ("with an action at the limit of the mailbox", actions),
        ("hidden in directories", user.hidden),
    ):
        if is_there:
            note(writing, text, "left out")


def told(writing: Writing, kind: str) -> list[str]:
    """Return what has to be told, a line each."""
    return [
        f"{number} {'user' if number == 1 else 'users'} {text.format(kind=kind)}."
        for text, number in sorted(writing.notes.items())
    ]


def carried(user: User, writing: Writing) -> User:
    """Return a user with all that refuses them here in the record itself.

    That is what the settings and the user's company say, as the user's own policy, and what
    only the USERLIST knows: how old a record is, and that there is no grace login left. A reader
    with the same settings need not have the company.
    """
    policy = writing.policy_of(user)
    values: dict[str, Any] = {}
    if (own := _own_policy(user, policy, writing)) != user.policy:
        values["policy"] = own
    if policy.password.maximum_age_days and user.password_changed is None:
        values["password_changed"] = user.created
    if (
        policy.password.grace_logins
        and _has_expired(user, policy, writing)
        and not has_grace(user, policy.password)
    ):
        values["must_change_password"] = True
    return dataclasses.replace(user, **values) if values else user


_REFUSING = (
    ("password", ("maximum_age_days", "inactive_days"), PasswordRules()),
    (
        "account",
        (
            *("allowed_services", "locked_services", "allowed_mechanisms"),
            *("allowed_networks", "allowed_hours"),
        ),
        AccountRules(),
    ),
)
"""The keys of a policy by which logins are refused, and their part's defaults."""
_OF_COMPANIES = frozenset(
    {"grace_logins", "time_zone", *(key for _, keys, _ in _REFUSING for key in keys)}
)
"""The keys of a company's policy on which it depends who is refused."""


def _own_policy(user: User, policy: Policy, writing: Writing) -> str:
    """Return the user's own policy, with what refuses logins by the company or the settings."""
    own = read_own(user.policy)
    company = read_own(writing.company_policy(user))
    added = {key: value for key, value in company.items() if key in _OF_COMPANIES}
    if not writing.same_settings:
        added |= {
            key: value
            for part, keys, usual in _REFUSING
            for key in keys
            if (value := getattr(getattr(policy, part), key)) != getattr(usual, key)
        }
        if policy.hours:
            # The reader's settings may have another one.
            added["time_zone"] = policy.account.time_zone
    added = {key: value for key, value in added.items() if key not in own}
    return print_own(own | added) if added else user.policy
