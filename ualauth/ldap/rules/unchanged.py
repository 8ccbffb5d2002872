"""What shows that a server would decide a bind as it did before, product by product.

An attribute that the service may not see makes a filter neither true nor false, under whatever
`!` (RFC 4511, section 4.5.1.7): so a filter that matches has been allowed to look. Samba takes
what is hidden for absent: there, what is looked at has to be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ualauth.ldap.client.filters import escape
from ualauth.ldap.client.values import LdapEntry
from ualauth.ldap.rules import locks
from ualauth.ldap.rules.active_directory import time_of
from ualauth.ldap.rules.products import Product

SUBENTRY = "pwdPolicySubentry"

MARKERS: Mapping[Product, Sequence[str]] = {
    Product.OPENLDAP: ("entryCSN",),
    # Of its plugin for USNs. They count in one server: behind one address there may be several.
    Product.DS389: ("entryUSN", "modifyTimestamp", "nsUniqueId"),
    Product.ACTIVE_DIRECTORY: ("uSNChanged", "whenChanged", "objectGUID"),
}
"""What is another one after each change of an entry; of a product that is not here, none is."""


def _without(*names: str) -> str:
    return "".join(f"(!({name}=*))" for name in names)


_CHANGING: Mapping[Product, str] = {
    # What failures have left behind: a bind that succeeds takes it away.
    Product.OPENLDAP: "(!(|(pwdAccountLockedTime=*)(pwdAccountTmpLockoutEnd=*)(pwdFailureTime=*)))",
    Product.DS389: (
        "(!(accountUnlockTime=*))(|(!(passwordRetryCount=*))(passwordRetryCount=0))"
        # It may be of a role, or of a class of service, which are other entries.
        "(!(nsAccountLock=TRUE))"
    ),
}
"""What each login's search asks for, as it may become another one in the same version."""
_STEADY: Mapping[Product, str] = {
    Product.OPENLDAP: _without("pwdStartTime", "pwdEndTime"),
    Product.DS389: (
        # What the plugin Account Policy goes by, which writes the first at each bind.
        f"{_without('lastLoginTime', 'acctPolicySubentry')}(!(pwdTPRReset=TRUE))"
        # FreeIPA counts failures, and asks other servers, in its own ways.
        "(!(objectClass=ipaObject))(!(objectClass=ipaUser))(!(objectClass=krbPrincipalAux))"
    ),
}
"""What is asked for once, as it changes with the version alone."""
_END = "passwordExpirationTime"
_ZERO = (b"0",)
_FORMER_TAKEN = timedelta(hours=25)
"""For how long Active Directory may take the former password, too: OldPasswordAllowedPeriod is a
day at most, and clocks differ."""
_ALWAYS = b"\xff" * 21
"""logonHours of all hours of a week ([MS-SAMR], section 2.2.6.5)."""
# That Active Directory shows them is shown by those of the same property sets that all have.
_SHOWN = ("msDS-User-Account-Control-Computed", "userAccountControl", "pwdLastSet", "logonCount")
_COUNTED = "badPwdCount"
_LIMITS = ("logonHours", "userWorkstations")
_NAMES: Mapping[Product, Sequence[str]] = {
    Product.OPENLDAP: (*MARKERS[Product.OPENLDAP], SUBENTRY),
    Product.DS389: MARKERS[Product.DS389],
    Product.ACTIVE_DIRECTORY: (
        *MARKERS[Product.ACTIVE_DIRECTORY],
        *_SHOWN,
        _COUNTED,
        *_LIMITS,
    ),
}
"""What is read beside the attributes of locks and ages."""
_ALL_NAMES = tuple(name for names in _NAMES.values() for name in names)


def with_versions(attributes: Sequence[str], of: Product | None = None) -> Sequence[str]:
    """Return what to read beside some attributes, of a server of this product, or of any."""
    return list(dict.fromkeys([*attributes, *(_NAMES.get(of, ()) if of else _ALL_NAMES)]))


ETERNAL = "(&(objectClass=*)(!(pwdMaxIdle=*))(|(!(pwdMaxAge=*))(pwdMaxAge=0)))"
"""Matches a policy of OpenLDAP that lets no password expire, if all of that may be seen."""


def marker_of(entry: LdapEntry, names: Sequence[str]) -> list[bytes]:
    """Return the values of a marker; one that the entry does not have, or has twice, is empty."""
    values = [entry.attributes.of(name) for name in names]
    return [each[0] if len(each) == 1 else b"" for each in values]


def is_unrestricted(entry: LdapEntry, of: Product) -> bool:
    """Return whether nothing that is read says that a bind might be refused."""
    if of is not Product.ACTIVE_DIRECTORY and locks.tells_nothing(entry):
        return True
    moment = locks.Moment(datetime.now(UTC), bound=False)
    if locks.restriction(entry, moment) is not None or locks.age(entry, moment) is not None:
        return False
    if of is not Product.ACTIVE_DIRECTORY:
        return True
    attributes = entry.attributes
    return (
        all(name in attributes for name in _SHOWN)
        and _is_only_password(entry, moment.now)
        and attributes.of(_COUNTED) == _ZERO
        and attributes.of("logonHours") in {(), (_ALWAYS,)}
        and "userWorkstations" not in attributes
    )


def _is_only_password(entry: LdapEntry, now: datetime) -> bool:
    """Return whether the password is the only one that Active Directory takes."""
    text = entry.text("pwdLastSet") or ""
    changed = time_of(int(text)) if text.isdecimal() else None
    return changed is not None and changed + _FORMER_TAKEN < now


def changing_filter(of: Product, marker: Sequence[bytes]) -> str:
    """Return a filter for entries that are not of this version, or need no bind."""
    return f"(|(!({MARKERS[of][0]}={escape(marker[0])}))(&{_CHANGING[of]}))"


def steady_filter(of: Product, entry: LdapEntry, policy: str) -> str:
    """Return a filter for what an entry must not have, or has to have, in this version.

    `policy` is the one that is in force by OpenLDAP's overlay.
    """
    steady = _STEADY[of]
    if of is Product.OPENLDAP:
        own = SUBENTRY in entry.attributes
        steady += f"({SUBENTRY}={escape(policy)})" if own else _without(SUBENTRY)
    if of is Product.DS389 and _END not in entry.attributes:
        # Time goes on: one that is not shown must not be there.
        steady += _without(_END)
    return f"(&(objectClass=*){steady})"
