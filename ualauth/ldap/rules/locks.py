"""What the attributes of an entry say of the account: locked, expired, or to change its password.

Each row reads one attribute, every value of it. What a row does not understand
refuses, as "could not check": an account whose end cannot be read was never
allowed. Dates that are words in a product (never, at once, until an
administrator acts) stand beside its row, and are from its documents or source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.ldap.client.values import LdapEntry
from ualauth.ldap.rules import active_directory
from ualauth.ldap.rules.active_directory import (
    ACCOUNT_DISABLED,
    ACCOUNT_EXPIRED,
    MUST_CHANGE,
    PASSWORD_EXPIRED,
    time_of,
)
from ualauth.ldap.rules.products import Product
from ualauth.ldap.rules.syntaxes import BEGINNING, bits_of, natural, number, time, truth
from ualauth.reasons import ReasonCode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DONT_EXPIRE = 0x10000
"""Of userAccountControl: the password does not expire."""
_KERBEROS_LOCKED = 0x40
_KERBEROS_CHANGE = 0x200
"""Of krbTicketFlags: KRB5_KDB_DISALLOW_ALL_TIX and KRB5_KDB_REQUIRES_PWCHANGE (MIT, kdb.h)."""

# Of smbldap-tools and Samba 3 and 4: the largest time_t.
_SAMBA_NEVER = frozenset({0, 0x7FFFFFFF, 0x7FFFFFFFFFFFFFFF})
_SAMBA_FLAGS = re.compile(r"\[[NDHTUMWSLXI ]*\]")

_OCTETS = frozenset({"logonHours", "loginAllowedTimeMap"})
"""Attributes whose values are no text."""

_LOCKED = Judgement(
    ReturnCode.PERM_DENIED,
    "the account is locked",
    "Your account is locked.",
    reason=ReasonCode.LOCKED,
)
_NOT_YET = Judgement(
    ReturnCode.PERM_DENIED,
    "the account is not valid yet",
    "Your account may not be used yet.",
    reason=ReasonCode.NOT_YET_VALID,
)


_NOT_NOW = Judgement(
    ReturnCode.PERM_DENIED,
    "this is not one of the hours of the account",
    "You may not log in at this time.",
    reason=ReasonCode.NOT_IN_HOURS,
)


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class Moment:
    """When, and whether the directory has just taken the password by a bind."""

    now: datetime
    bound: bool
    decided: frozenset[str] = frozenset()
    """Attributes by which the server that was bound at has just decided itself."""


Rule = Callable[[str, LdapEntry, Moment], Judgement | None]
"""Tells what one value means; raises `ValueError` where it means nothing that is known."""


def _when_true(judgement: Judgement) -> Rule:
    return lambda value, _entry, _moment: judgement if truth(value) else None


def _when_not_active(value: str, _entry: LdapEntry, _moment: Moment) -> Judgement | None:
    return None if value.lower() == "active" else ACCOUNT_DISABLED


def _when_not_enabled(value: str, _entry: LdapEntry, _moment: Moment) -> Judgement | None:
    return None if value.lower() == "enabled" else ACCOUNT_DISABLED


def _locked_since(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    since = time(value)
    # draft-behera-ldap-password-policy-10, section 5.3.3: 000001010000Z is until an
    # administrator unlocks it. For how long any other lock holds is a matter of the policy: who
    # could bind since then is no longer locked.
    return None if moment.bound and since != BEGINNING else _LOCKED


def _locked_until(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    end = time(value)
    # 389 Directory Server, passwordUnlock off: the epoch is until an administrator unlocks it.
    return _LOCKED if end == _EPOCH or end > moment.now else None


def _by_intruder(value: str, entry: LdapEntry, moment: Moment) -> Judgement | None:
    if not truth(value):
        return None
    # eDirectory takes the lock away by the first login after this time.
    ends = [time(each) for each in _texts(entry, "loginIntruderResetTime")]
    return None if ends and max(ends) <= moment.now else _LOCKED


def _lockout_time(value: str, entry: LdapEntry, _moment: Moment) -> Judgement | None:
    # [MS-ADA1], section 2.361: 0 is not locked. When a lock has ended is in what is computed.
    if natural(value) == 0 or _texts(entry, "msDS-User-Account-Control-Computed"):
        return None
    return _LOCKED


def _after(judgement: Judgement, *never: datetime) -> Rule:
    """Return a rule for a time (RFC 4517, section 3.3.13) after which something is so."""

    def rule(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
        end = time(value)
        return judgement if end <= moment.now and end not in never else None

    return rule


def _before_that(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    return _LOCKED if time(value) > moment.now else None


def _before(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    return _NOT_YET if time(value) > moment.now else None


def _file_time(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    end = time_of(natural(value))
    return ACCOUNT_EXPIRED if end is not None and end <= moment.now else None


def _control(value: str, _entry: LdapEntry, _moment: Moment) -> Judgement | None:
    bits = bits_of(value)
    if bits & active_directory.DISABLED:
        return ACCOUNT_DISABLED
    return _LOCKED if bits & active_directory.LOCKED else None


def _computed_lock(value: str, _entry: LdapEntry, _moment: Moment) -> Judgement | None:
    return _LOCKED if bits_of(value) & active_directory.LOCKED else None


def _expired_bit(value: str, _entry: LdapEntry, _moment: Moment) -> Judgement | None:
    return PASSWORD_EXPIRED if bits_of(value) & active_directory.EXPIRED else None


def _set_never(value: str, entry: LdapEntry, _moment: Moment) -> Judgement | None:
    control = sum(bits_of(each) & _DONT_EXPIRE for each in _texts(entry, "userAccountControl"))
    return MUST_CHANGE if natural(value) == 0 and not control else None


def _kerberos_flags(bit: int, judgement: Judgement) -> Rule:
    return lambda value, _entry, _moment: judgement if bits_of(value) & bit else None


def _samba_flags(value: str, _entry: LdapEntry, _moment: Moment) -> Judgement | None:
    # passdb.h: D is disabled, L is locked after failures.
    if not _SAMBA_FLAGS.fullmatch(value):
        raise ValueError(value)
    if "D" in value:
        return ACCOUNT_DISABLED
    return _LOCKED if "L" in value else None


def _samba_kickoff(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    end = natural(value)
    if end in _SAMBA_NEVER:
        return None
    return ACCOUNT_EXPIRED if end <= (moment.now - _EPOCH) // _SECOND else None


def _shadow_expire(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    # shadow(5): days since 1970; 0 has two meanings, of which pam_unix takes this one.
    days = number(value)
    return ACCOUNT_EXPIRED if days != -1 and _days(moment) >= days else None


def _shadow_change(value: str, entry: LdapEntry, moment: Moment) -> Judgement | None:
    changed = number(value)
    if changed == 0:
        return MUST_CHANGE
    longest = min(map(number, _texts(entry, "shadowMax")), default=-1)
    inactive = min(map(number, _texts(entry, "shadowInactive")), default=-1)
    if changed < 0 or longest < 0:
        return None
    late = _days(moment) - changed - longest
    if late > 0 and 0 <= inactive < late:
        return ACCOUNT_EXPIRED
    return PASSWORD_EXPIRED if late > 0 else None


def _password_end(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
    end = time(value)
    # 389 Directory Server, pw.h: NO_TIME after a reset, NOT_FIRST_TIME after the login that
    # followed it where no policy wanted a change, and the end of time.
    if end == _EPOCH:
        return MUST_CHANGE
    if end in {_EPOCH + _SECOND, _EPOCH + 0x7FFFFFFF * _SECOND}:
        return None
    return PASSWORD_EXPIRED if end <= moment.now else None


def _hours(octets: int, minutes: int, read: Callable[[str], bytes]) -> Rule:
    """Return a rule for a week from Sunday 0:00 UTC on, with a bit for so many minutes."""

    def rule(value: str, _entry: LdapEntry, moment: Moment) -> Judgement | None:
        bits = read(value)
        if len(bits) != octets:
            raise ValueError(value)
        now = moment.now.astimezone(UTC)
        minute = (now.isoweekday() % 7 * 24 + now.hour) * 60 + now.minute
        byte, bit = divmod(minute // minutes, 8)
        return None if bits[byte] >> bit & 1 else _NOT_NOW

    return rule


def _latin_1(value: str) -> bytes:
    # As `_texts` has read them.
    return value.encode("latin-1")


ACCOUNT: Sequence[tuple[str, Rule]] = (
    ("nsAccountLock", _when_true(_LOCKED)),  # 389 Directory Server, FreeIPA
    ("accountUnlockTime", _locked_until),  # 389 Directory Server
    ("loginDisabled", _when_true(_LOCKED)),  # eDirectory
    ("lockedByIntruder", _by_intruder),
    ("loginActivationTime", _before),
    ("loginExpirationTime", _after(ACCOUNT_EXPIRED)),
    ("loginAllowedTimeMap", _hours(42, 30, _latin_1)),
    ("inetUserStatus", _when_not_active),  # Sun's and its successors
    ("ds-pwp-account-disabled", _when_true(ACCOUNT_DISABLED)),  # OpenDJ and its relatives
    ("ds-pwp-account-activation-time", _before),
    ("ds-pwp-account-expiration-time", _after(ACCOUNT_EXPIRED)),
    ("ibm-pwdAccountLocked", _when_true(_LOCKED)),  # IBM's
    ("orclIsEnabled", _when_not_enabled),  # Oracle's
    ("orclActiveStartDate", _before),
    ("orclActiveEndDate", _after(ACCOUNT_EXPIRED)),
    ("pwdAccountLockedTime", _locked_since),  # OpenLDAP
    ("pwdAccountTmpLockoutEnd", _before_that),
    ("pwdStartTime", _before),  # draft-behera, section 5.3.9
    ("pwdEndTime", _after(ACCOUNT_EXPIRED)),
    ("userAccountControl", _control),  # Active Directory
    ("msDS-User-Account-Control-Computed", _computed_lock),
    ("lockoutTime", _lockout_time),
    ("accountExpires", _file_time),
    # [MS-ADA1], section 2.376; Samba 3 writes the same in hex.
    ("logonHours", _hours(21, 60, _latin_1)),
    ("sambaLogonHours", _hours(21, 60, bytes.fromhex)),
    ("krbTicketFlags", _kerberos_flags(_KERBEROS_LOCKED, _LOCKED)),  # MIT Kerberos, FreeIPA
    # Its KDC takes 0 for never, and writes it as the epoch.
    ("krbPrincipalExpiration", _after(ACCOUNT_EXPIRED, _EPOCH)),
    ("sambaAcctFlags", _samba_flags),  # Samba, without Active Directory
    ("sambaKickoffTime", _samba_kickoff),
    ("shadowExpire", _shadow_expire),  # RFC 2307
)
"""Attributes that lock an account or end it."""
PASSWORD: Sequence[tuple[str, Rule]] = (
    ("msDS-User-Account-Control-Computed", _expired_bit),
    ("userAccountControl", _expired_bit),
    ("pwdLastSet", _set_never),
    ("pwdReset", _when_true(MUST_CHANGE)),
    ("passwordExpirationTime", _password_end),  # 389 Directory Server, eDirectory
    ("krbTicketFlags", _kerberos_flags(_KERBEROS_CHANGE, MUST_CHANGE)),
    ("krbPasswordExpiration", _after(PASSWORD_EXPIRED, _EPOCH)),
    ("shadowLastChange", _shadow_change),
)
"""Attributes that tell the password's age."""
DECIDED_BY: Mapping[Product, frozenset[str]] = {
    Product.DS389: frozenset({"passwordExpirationTime", "accountUnlockTime"}),
    Product.EDIRECTORY: frozenset(
        {"passwordExpirationTime", "lockedByIntruder", "loginAllowedTimeMap"}
    ),
    Product.OPENLDAP: frozenset({"pwdReset", "pwdAccountTmpLockoutEnd"}),
    Product.ACTIVE_DIRECTORY: frozenset(
        {"msDS-User-Account-Control-Computed", "lockoutTime", "pwdLastSet", "logonHours"}
    ),
}
"""What a product looks at itself when a user binds: who could bind has passed it.

It knows the policy, too, which the attributes do not tell: grace logins, or that
passwords do not expire any more.
"""
_BESIDE = ("shadowMax", "shadowInactive", "loginIntruderResetTime")
NAMES = tuple(dict.fromkeys([*(name for name, _ in (*ACCOUNT, *PASSWORD)), *_BESIDE]))
"""All that is read."""
# As the attributes of an entry have them: most entries have none, or few.
_ACCOUNT = {name.lower(): (name, rule) for name, rule in ACCOUNT}
_PASSWORD = {name.lower(): (name, rule) for name, rule in PASSWORD}
_ALL = frozenset({*_ACCOUNT, *_PASSWORD})


def tells_nothing(entry: LdapEntry) -> bool:
    """Return whether an entry has none of these attributes, as most have."""
    return entry.attributes.keys().isdisjoint(_ALL)


def restriction(entry: LdapEntry, moment: Moment) -> Judgement | None:
    """Return why the account may not be used, if there is a reason."""
    return _first(_ACCOUNT, entry, moment)


def age(entry: LdapEntry, moment: Moment) -> Judgement | None:
    """Return why the password must be changed, if there is a reason."""
    return _first(_PASSWORD, entry, moment)


def _first(
    rules: Mapping[str, tuple[str, Rule]], entry: LdapEntry, moment: Moment
) -> Judgement | None:
    present = entry.attributes.keys()
    if present.isdisjoint(rules):
        return None
    for key, (name, rule) in rules.items():
        if key not in present or name in moment.decided:
            continue
        try:
            judgements = [rule(each, entry, moment) for each in _texts(entry, name)]
        except (ValueError, OverflowError):
            judgements = []
        if not judgements:
            log = f"the attribute {name} cannot be read"
            reason = ReasonCode.DIRECTORY_UNAVAILABLE
            return Judgement(ReturnCode.AUTHINFO_UNAVAIL, log, reason=reason)
        for each in judgements:
            if each is not None:
                log = f"{each.log} ({name})"
                return Judgement(each.code, log, each.person, reason=each.reason)
    return None


def _texts(entry: LdapEntry, name: str) -> list[str]:
    """Return all values of an attribute; one that should be text and is none is a `ValueError`."""
    encoding = "latin-1" if name in _OCTETS else "utf-8"
    return [each.decode(encoding) for each in entry.attributes.of(name)]


def _days(moment: Moment) -> int:
    return (moment.now - _EPOCH) // timedelta(days=1)
