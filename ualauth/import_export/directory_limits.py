"""What the attributes of an entry restrict: locks, ends, beginnings, ages, services, hours.

Each row of `RULES` reads the values of one attribute, as the schema that has it says. A value
that restricts nothing adds nothing, so that an import never takes a lock away. What
cannot be read, or cannot be kept, makes a bad line: it never opens an account.

Not read are login shells, which mail servers do not ask for, and what stands in other
entries: policies, roles and groups that an entry only names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ualauth.errors import InvalidValue
from ualauth.import_export import directory_rules as rules
from ualauth.import_export.ages import Ages
from ualauth.import_export.directory_rules import Attribute, LdifRecord, NotKept, Rule
from ualauth.import_export.directory_values import (
    file_time,
    generalized_time,
    kerberos_time,
    unix_time,
)
from ualauth.import_export.limits import Limits


def limits_of(entry: LdifRecord, ignore: frozenset[str]) -> Limits:
    """Return what the attributes of an entry restrict, but those to be ignored.

    Raises:
        InvalidValue: for an attribute that restricts, or may, and cannot be kept.

    """
    limits = Limits()
    for name in (each for each in entry if each not in ignore):
        rule = RULES.get(name) or _rule_of_the_sound(name)
        if rule is not None:
            for value in entry[name]:
                _apply(rule, Attribute(limits, name, entry), value)
    if shadow := entry.keys() & SHADOW.keys() - ignore:
        numbers = {SHADOW[name]: entry[name][0].strip() for name in shadow}
        Ages(**numbers).limit(limits)
    return limits


def _apply(rule: Rule, attribute: Attribute, value: str) -> None:
    try:
        rule(attribute, value)
    except ValueError as error:
        raise InvalidValue(f"{attribute.name}: {error}; it may keep the user out") from None
    except NotKept as error:
        raise InvalidValue(
            f"{attribute.name}: {error}, which no field can hold; "
            f"--ignore {attribute.name} takes the user without it",
        ) from None


_SOUND = re.compile(r"(?<![bcn])lock(?!er)|disab|expir|suspend|inactiv|revok|kickoff")
_HARMLESS = re.compile(
    r"pwdexpirationwarned|zimbra(?:pref|feature|mail|calendar|lastlogon).*|msexchelc.*|"
    r"(?:samba)?lockout(?:duration|threshold|observationwindow)|"
    r"zimbrapasswordlocked|zimbrapasswordlockout(?:duration|enabled|failure.*|maxfailures)",
)


# What an attribute may be about that says whether a user may log in.
_OF = "(?:(?:user|account|acct|mail|mailbox|login|logon|access|imap4?|pop3?|smtp|sieve|webmail)+_?)"
_STATE = re.compile(
    f"(?:is)?{_OF}?(?:is)?(?:enabled?|activated?|active|allowed|valid)|(?:is)?status|"
    f"{_OF}(?:status|state|access)|can_?log_?[io]n"
)
_CLOSED = re.compile(
    f"(?:is|has)?{_OF}?(?:is)?(?:block(?:ed)?|bann?(?:ed)?|closed|terminated|deleted|frozen|"
    "denied|quarantined?)(?:at|on|since|date|time)?"
)
_DATE = re.compile(
    f"{_OF}?(?:valid|active|usable|enabled)_?(?:until|till|to|thru|through|from|since|after|before)|"
    f"{_OF}?not_?(?:before|after)|{_OF}?(?:end|start|begin|(?:de)?activation|termination)_?"
    "(?:date|time)"
)
_MUST_CHANGE = re.compile(
    ".*must_?(?:change|reset)(?:_?(?:password|passwd|pwd))?|"
    ".*(?:force|require)s?d?_?(?:password|passwd|pwd)_?(?:change|reset)"
)
_SOUNDS = (
    (_MUST_CHANGE, rules.must_change),
    (_STATE, rules.unknown_state),
    (_DATE, rules.unknown_date),
    (_CLOSED, rules.unknown),
)


def _rule_of_the_sound(name: str) -> Rule | None:
    """Return how to read an attribute without a row that may restrict, as its name says.

    One that is a number has no name, and may mean anything.
    """
    if name in SHADOW:
        return None
    if name[0].isdigit() or (_SOUND.search(name) and not _HARMLESS.fullmatch(name)):
        return rules.unknown
    plain = name.replace("-", "_")
    return next((rule for pattern, rule in _SOUNDS if pattern.fullmatch(plain)), None)


_START, _END = Limits.start, Limits.end
_PASSWORD_END = Limits.end_password
_FALSE_LOCKS, _TRUE_LOCKS = rules.when(locking=False), rules.when(locking=True)

RULES: Mapping[str, Rule] = {
    name.lower(): rule
    for name, rule in {
        # The password policy of LDAP (draft-behera-ldap-password-policy-10), OpenLDAP
        "pwdAccountLockedTime": rules.locks(silently=True),
        "pwdAccountTmpLockoutEnd": rules.time(generalized_time, _START),
        "pwdStartTime": rules.time(generalized_time, _START),
        "pwdEndTime": rules.time(generalized_time, _END),
        "pwdReset": rules.must_change,
        "pwdMustChange": rules.due,
        # 389 Directory Server, Red Hat and Sun before it
        "nsAccountLock": _TRUE_LOCKS,
        "accountUnlockTime": rules.unlocked_at,
        "passwordExpirationTime": rules.time(generalized_time, _PASSWORD_END),
        "pwdTPRReset": rules.must_change,
        "pwdTPRValidFrom": rules.time(generalized_time, _START),
        "pwdTPRExpireAt": rules.time(generalized_time, _PASSWORD_END),
        "nsRoleDN": rules.has("disabledrole"),
        "nsRole": rules.has("disabledrole"),
        "objectClass": rules.has("nstombstone"),
        # FreeIPA, and what MIT's KDC keeps in a directory
        "krbPrincipalExpiration": rules.time(kerberos_time, _END),
        "krbPasswordExpiration": rules.time(kerberos_time, _PASSWORD_END),
        "krbTicketFlags": rules.flags(lock=0x40 | 0x100, change=0x200),
        "ipaUserAuthType": rules.authentication_kinds,
        # Heimdal, Univention: valid, a client, no hardware, not locked out
        "krb5KDCFlags": rules.flags(lock=1 << 7 | 1 << 10 | 1 << 17, change=1 << 9, needed=1 << 6),
        "krb5ValidStart": rules.time(generalized_time, _START),
        "krb5ValidEnd": rules.time(generalized_time, _END),
        "krb5PasswordEnd": rules.time(generalized_time, _PASSWORD_END),
        # Active Directory, Samba 4, AD LDS, Exchange
        "userAccountControl": rules.flags(lock=0x2 | 0x10 | 0x40000, change=0x800000),
        "msDS-User-Account-Control-Computed": rules.flags(lock=0x2 | 0x10, change=0x800000),
        "accountExpires": rules.time(file_time, _END),
        "lockoutTime": rules.nonzero,
        "pwdLastSet": rules.changed_at(file_time, "useraccountcontrol", 0x10000),
        "msDS-UserPasswordExpiryTimeComputed": rules.due,
        "logonHours": rules.logon_hours,
        "userWorkstations": rules.not_kept("says from which workstations the user may log in", ""),
        "isDeleted": _TRUE_LOCKS,
        "isRecycled": _TRUE_LOCKS,
        "msDS-UserAccountDisabled": _TRUE_LOCKS,
        "ms-DS-UserAccountAutoLocked": _TRUE_LOCKS,
        "msDS-UserPasswordExpired": rules.must_change,
        "msExchUserAccountControl": rules.flags(lock=0x2),
        "protocolSettings": rules.protocol_settings,
        # Samba 3, and 2 without the prefix
        "sambaAcctFlags": rules.samba_flags,
        "acctFlags": rules.samba_flags,
        "sambaKickoffTime": rules.time(unix_time, _END),
        "kickoffTime": rules.time(unix_time, _END),
        "sambaPwdMustChange": rules.due,
        "sambaPwdLastSet": rules.changed_at(unix_time, "", 0),
        "sambaLogonHours": rules.logon_hours,
        "sambaUserWorkstations": rules.not_kept("says from where the user may log in", ""),
        # eDirectory
        "loginDisabled": _TRUE_LOCKS,
        "lockedByIntruder": _TRUE_LOCKS,
        "loginExpirationTime": rules.time(generalized_time, _END),
        "loginActivationTime": rules.time(generalized_time, _START),
        "loginAllowedTimeMap": rules.all_hours,
        "networkAddressRestriction": rules.not_kept("says from where the user may log in"),
        "passwordExpirationInterval": rules.age_in_seconds,
        # Sun's, iPlanet's and Oracle's, OpenDJ and its relatives
        "inetUserStatus": rules.unless("active"),
        "mailUserStatus": rules.unless("active"),
        "iplanet-am-user-login-status": rules.unless("active"),
        "iplanet-am-user-account-life": rules.time(generalized_time, _END),
        "mailAllowedServiceAccess": rules.not_kept(
            "says by what the user may log in", "+all:*", ""
        ),
        "ds-pwp-account-disabled": _TRUE_LOCKS,
        "ds-pwp-account-activation-time": rules.time(generalized_time, _START),
        "ds-pwp-account-expiration-time": rules.time(generalized_time, _END),
        "ds-pwp-password-expiration-time": rules.time(generalized_time, _PASSWORD_END),
        "orclIsEnabled": rules.unless("enabled"),
        "orclActiveStartDate": rules.time(generalized_time, _START),
        "orclActiveEndDate": rules.time(generalized_time, _END),
        "obUserAccountControl": rules.unless("activated"),
        "obPasswordChangeFlag": rules.must_change,
        "obPasswordExpiryDate": rules.time(generalized_time, _PASSWORD_END),
        "obLockoutTime": rules.nonzero,
        # IBM's, Isode's
        "ibm-pwdAccountLocked": _TRUE_LOCKS,
        "secAcctValid": _FALSE_LOCKS,
        "secPwdValid": _FALSE_LOCKS,
        "secAcctExpires": rules.time(generalized_time, _END),
        "pwdAccountDisabled": _TRUE_LOCKS,
        "dxPwdMustChange": rules.must_change,  # CA Directory
        # Mail: qmail-ldap, iRedMail, Zimbra, Kolab, Courier, Phamm, postfix-book, Kopano, Mandriva
        "accountStatus": rules.account_status,
        "enabledService": rules.enabled_services,
        "disabledService": rules.not_kept("says which services are closed"),
        "allowNets": rules.networks,
        "zimbraAccountStatus": rules.unless("active"),
        "zimbraMailStatus": rules.unless("enabled"),
        "zimbraPasswordMustChange": rules.must_change,
        "zimbraPasswordLockoutLockedTime": rules.locks(),
        "zimbraPasswordMaxAge": rules.age,
        "zimbraTwoFactorAuthEnabled": rules.second_factor,
        "zimbraImapEnabled": rules.denies("imap", when=False),
        "zimbraPop3Enabled": rules.denies("pop3", when=False),
        "kolabDeleteFlag": rules.locks(),
        "disableImap": rules.denies("imap", when=True),
        "disablePop3": rules.denies("pop3", when=True),
        "disableWebmail": rules.denies("ual.remote", when=True),
        "smtpAuth": rules.denies("smtpd.auth", when=False),
        "accountActive": _FALSE_LOCKS,
        "delete": _TRUE_LOCKS,
        "mailEnabled": _FALSE_LOCKS,
        "mailLocker": _TRUE_LOCKS,
        "mailEnable": rules.unless("ok"),
        "zarafaAccount": _FALSE_LOCKS,
        "kopanoAccount": _FALSE_LOCKS,
        "zarafaSharedStoreOnly": _TRUE_LOCKS,
        "kopanoSharedStoreOnly": _TRUE_LOCKS,
        # Others
        "authAuthority": rules.has(";disableduser;"),  # Apple
        "apple-user-passwordpolicy": rules.has("isdisabled=1"),
        "mailAccessDomain": rules.not_kept("says from which domains the user may log in", "*"),
        "accessTo": rules.not_kept("says on which hosts the user may log in", "*"),  # GOsa
        "schacExpiryDate": rules.time(generalized_time, _END),
        "schacUserStatus": rules.status_name,
        "authorizedService": rules.services,  # pam_ldap(5), sssd-ldap(5)
        "host": rules.not_kept("says on which hosts the user may log in", "*"),
        "rhost": rules.not_kept("says from which hosts the user may log in", "*"),
    }.items()
}
"""Attribute in lower case -> what reads its values."""

SHADOW: Mapping[str, str] = {
    "shadowlastchange": "changed",
    "shadowmin": "minimum",
    "shadowmax": "maximum",
    "shadowwarning": "warning",
    "shadowinactive": "inactive",
    "shadowexpire": "expires",
}
"""Attribute of RFC 2307 -> number of shadow(5)."""
