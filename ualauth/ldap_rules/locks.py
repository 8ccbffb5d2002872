"""What the attributes of an entry say of the account: locked, expired, or to change its password.

Each row reads one attribute. What cannot be read as it should refuses: an
account whose end nobody can tell has not been let in by anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ualauth.codes import ReturnCode
from ualauth.directory.values import Entry
from ualauth.ldap_rules import active_directory
from ualauth.ldap_rules.active_directory import (
    ACCOUNT_DISABLED,
    ACCOUNT_EXPIRED,
    MUST_CHANGE,
    PASSWORD_EXPIRED,
    time_of,
)
from ualauth.ldap_rules.conclusion import Conclusion

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER = "000001010000Z"
"""draft-behera-ldap-password-policy-10, section 5.3.3: locked until somebody unlocks it."""
_DONT_EXPIRE = 0x10000
"""Of userAccountControl: the password does not expire."""

_LOCKED = Conclusion(ReturnCode.PERM_DENIED, "the account is locked", "Your account is locked.")
_NOT_YET = Conclusion(
    ReturnCode.PERM_DENIED, "the account is not valid yet", "Your account may not be used yet."
)


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and whether the directory has just taken the password."""

    now: datetime
    bound: bool


Rule = Callable[[str, Entry, Moment], Conclusion | None]


def _when_true(value: str, _entry: Entry, _moment: Moment) -> Conclusion | None:
    return _LOCKED if value.lower() in {"true", "1", "yes"} else None


def _when_not_active(value: str, _entry: Entry, _moment: Moment) -> Conclusion | None:
    return None if value.lower() == "active" else ACCOUNT_DISABLED


def _locked_since(value: str, _entry: Entry, moment: Moment) -> Conclusion | None:
    # For how long is a matter of the policy: who could bind since then is no longer locked.
    return None if moment.bound and value != _FOREVER else _LOCKED


def _after(conclusion: Conclusion) -> Rule:
    """Return a rule for a time (RFC 4517, section 3.3.13) after which something is so."""

    def rule(value: str, _entry: Entry, moment: Moment) -> Conclusion | None:
        return conclusion if _generalized(value) <= moment.now else None

    return rule


def _before(value: str, _entry: Entry, moment: Moment) -> Conclusion | None:
    return _NOT_YET if _generalized(value) > moment.now else None


def _file_time(value: str, _entry: Entry, moment: Moment) -> Conclusion | None:
    end = time_of(int(value))
    return ACCOUNT_EXPIRED if end is not None and end <= moment.now else None


def _control(value: str, _entry: Entry, _moment: Moment) -> Conclusion | None:
    return ACCOUNT_DISABLED if int(value) & active_directory.DISABLED else None


def _computed(value: str, _entry: Entry, _moment: Moment) -> Conclusion | None:
    bits = int(value)
    if bits & active_directory.LOCKED:
        return _LOCKED
    return PASSWORD_EXPIRED if bits & active_directory.EXPIRED else None


def _set_never(value: str, entry: Entry, _moment: Moment) -> Conclusion | None:
    control = int(entry.text("userAccountControl") or 0)
    return MUST_CHANGE if int(value) == 0 and not control & _DONT_EXPIRE else None


def _shadow_expire(value: str, _entry: Entry, moment: Moment) -> Conclusion | None:
    # shadow(5): days since 1970; 0 has two meanings, of which pam_unix takes this one.
    days = int(value)
    return ACCOUNT_EXPIRED if days != -1 and _days(moment) >= days else None


def _shadow_change(value: str, entry: Entry, moment: Moment) -> Conclusion | None:
    changed = int(value)
    if changed == 0:
        return MUST_CHANGE
    longest = int(entry.text("shadowMax") or -1)
    if changed < 0 or longest < 0:
        return None
    late = _days(moment) - changed - longest
    inactive = int(entry.text("shadowInactive") or -1)
    if late > 0 and 0 <= inactive < late:
        return ACCOUNT_EXPIRED
    return PASSWORD_EXPIRED if late > 0 else None


ACCOUNT: Sequence[tuple[str, Rule]] = (
    ("nsAccountLock", _when_true),  # 389 Directory Server, FreeIPA
    ("loginDisabled", _when_true),  # eDirectory
    ("inetUserStatus", _when_not_active),  # Sun's and its successors
    ("pwdAccountLockedTime", _locked_since),  # OpenLDAP
    ("userAccountControl", _control),  # Active Directory
    ("accountExpires", _file_time),
    ("pwdStartTime", _before),  # draft-behera, section 5.3.9
    ("pwdEndTime", _after(ACCOUNT_EXPIRED)),
    ("krbPrincipalExpiration", _after(ACCOUNT_EXPIRED)),  # FreeIPA
    ("loginExpirationTime", _after(ACCOUNT_EXPIRED)),  # eDirectory
    ("shadowExpire", _shadow_expire),  # RFC 2307
)
"""Attributes that lock an account or end it."""
PASSWORD: Sequence[tuple[str, Rule]] = (
    ("msDS-User-Account-Control-Computed", _computed),
    ("pwdLastSet", _set_never),
    ("pwdReset", lambda value, _entry, _moment: MUST_CHANGE if value == "TRUE" else None),
    ("passwordExpirationTime", _after(PASSWORD_EXPIRED)),  # 389 Directory Server
    ("krbPasswordExpiration", _after(PASSWORD_EXPIRED)),  # FreeIPA
    ("shadowLastChange", _shadow_change),
)
"""Attributes that tell the password's age; Active Directory's has a lock in it."""
_BESIDE = ("shadowMax", "shadowInactive")
NAMES = tuple(name for name, _ in (*ACCOUNT, *PASSWORD)) + _BESIDE
"""All that is read."""


def restriction(entry: Entry, moment: Moment) -> Conclusion | None:
    """Return why the account may not be used, if there is a reason."""
    return _first(ACCOUNT, entry, moment) or _locked_now(entry, moment)


def age(entry: Entry, moment: Moment) -> Conclusion | None:
    """Return why the password must be changed, if there is a reason."""
    return _first(PASSWORD, entry, moment)


def _locked_now(entry: Entry, moment: Moment) -> Conclusion | None:
    found = _first(PASSWORD[:1], entry, moment)
    return found if found is not None and found.code is ReturnCode.PERM_DENIED else None


def _first(rules: Sequence[tuple[str, Rule]], entry: Entry, moment: Moment) -> Conclusion | None:
    for name, rule in rules:
        value = entry.text(name)
        if value is None:
            if name in entry.attributes:
                return _unreadable(name)
            continue
        try:
            found = rule(value, entry, moment)
        except (ValueError, OverflowError):
            return _unreadable(name)
        if found is not None:
            return Conclusion(found.code, f"{found.log} ({name})", found.person)
    return None


def _unreadable(name: str) -> Conclusion:
    return Conclusion(ReturnCode.AUTHINFO_UNAVAIL, f"the attribute {name} cannot be read")


def _days(moment: Moment) -> int:
    return (moment.now - _EPOCH) // timedelta(days=1)


def _generalized(value: str) -> datetime:
    """Read a GeneralizedTime; a fraction of a second is of no interest."""
    plain, _, rest = value.replace(",", ".").partition(".")
    zone = "Z" if rest.endswith("Z") else ""
    text = (plain + zone) if rest else plain
    for form in ("%Y%m%d%H%M%S%z", "%Y%m%d%H%M%z", "%Y%m%d%H%z"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - all of them have a zone
        except ValueError:
            continue
    raise ValueError(value)
