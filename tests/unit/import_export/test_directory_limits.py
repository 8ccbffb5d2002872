"""What directories say against logins, as LDIF: it is kept, or the line is bad."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from tests.moments import written
from tests.unit.import_export.arrivals import GRANTED, HASH, House
from tests.unit.import_export.conftest import problem_of, user_of
from ualauth.import_export.line import Reading
from ualauth.userlist.policy import read_own

RESTRICTED, EXPIRED = "AccountRestricted", "PasswordExpired"
FILE_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

CRYPT = "$6$saltsalt$" + "x" * 86


def file_time(moment: datetime) -> int:
    return (moment - FILE_EPOCH) // timedelta(microseconds=1) * 10


def section_signs(*fields: str, encoding: str = "utf-8") -> str:
    """Return the settings of a protocol of Exchange, in base64."""
    return base64.b64encode("\u00a7".join(fields).encode(encoding)).decode()


def entry(user: str, *attributes: str) -> str:
    lines = f"dn: uid={user},dc=example", f"uid: {user}", "cn: Ann", f"sn: {user}", *attributes
    return "\n".join((*lines, f"userPassword: {HASH}", "", ""))


LOGINS = {
    # The password policy of LDAP, OpenLDAP
    "pwdAccountLockedTime: 000001010000Z": RESTRICTED,
    "pwdAccountLockedTime: 20200101000000Z": RESTRICTED,
    "PWDACCOUNTLOCKEDTIME: 20200101000000Z": RESTRICTED,
    "pwdAccountLockedTime;x-any: 20200101000000Z": RESTRICTED,
    "pwdAccountTmpLockoutEnd: {generalized+40d}": RESTRICTED,
    "pwdAccountTmpLockoutEnd: {generalized-40d}": GRANTED,
    "pwdStartTime: {generalized+40d}": RESTRICTED,
    "pwdStartTime: {generalized-40d}": GRANTED,
    "pwdEndTime: {generalized-40d}": RESTRICTED,
    "pwdEndTime: 20200101000000.0Z": RESTRICTED,
    "pwdEndTime: 2020010100Z": RESTRICTED,
    "pwdEndTime: 202001010000+0200": RESTRICTED,
    "pwdEndTime: {generalized+40d}": GRANTED,
    "pwdReset: true": EXPIRED,
    "pwdReset: FALSE": GRANTED,
    # 389 Directory Server, FreeIPA
    "nsAccountLock: TRUE": RESTRICTED,
    "nsAccountLock: true": RESTRICTED,
    "nsaccountlock:: VFJVRQ==": RESTRICTED,
    "nsAccountLock: FALSE": GRANTED,
    "accountUnlockTime: 19700101000000Z": RESTRICTED,
    "accountUnlockTime: {generalized+40d}": RESTRICTED,
    "accountUnlockTime: {generalized-40d}": GRANTED,
    "passwordExpirationTime: 20200101000000Z": EXPIRED,
    "passwordExpirationTime: 19700101000000Z": EXPIRED,
    "passwordExpirationTime: {generalized+40d}": GRANTED,
    "nsRoleDN: cn=nsManagedDisabledRole,dc=example": RESTRICTED,
    "nsRoleDN: cn=staff,dc=example": GRANTED,
    "pwdTPRValidFrom: {generalized+40d}": RESTRICTED,
    "pwdTPRExpireAt: {generalized-40d}": EXPIRED,
    "krbPrincipalExpiration: 20200101000000Z": RESTRICTED,
    "krbPasswordExpiration: 20200101000000Z": EXPIRED,
    "krbTicketFlags: 192": RESTRICTED,
    "krbTicketFlags: 640": EXPIRED,
    "krbTicketFlags: 128": GRANTED,
    "ipaUserAuthType: password": GRANTED,
    "krbPrincipalExpiration: 19700101000000Z": GRANTED,
    "krbPasswordExpiration: 19700101000000Z": GRANTED,
    "krb5KDCFlags: 254": RESTRICTED,
    "krb5KDCFlags: 62": RESTRICTED,
    "krb5KDCFlags: 126": GRANTED,
    "krb5ValidEnd: 20200101000000Z": RESTRICTED,
    "krb5PasswordEnd: 20200101000000Z": EXPIRED,
    # RFC 2307
    "shadowExpire: 19000": RESTRICTED,
    "shadowExpire: 0": RESTRICTED,
    "shadowExpire: -1": GRANTED,
    "shadowExpire: {days+2}": GRANTED,
    "shadowLastChange: 0": EXPIRED,
    "shadowLastChange: 19000\nshadowMax: 90": EXPIRED,
    "shadowLastChange: 19000\nshadowMax: 99999": GRANTED,
    "shadowLastChange: 19000\nshadowMax: -1": GRANTED,
    "shadowLastChange: 19000": GRANTED,
    "shadowMax: 90": GRANTED,
    "shadowLastChange: {days-5}\nshadowMax: 90\nshadowInactive: 7": GRANTED,
    "shadowLastChange: 18000\nshadowMax: 90\nshadowInactive: 30": EXPIRED,
    # Active Directory, Samba 4, AD LDS
    "accountExpires: 129000000000000000": RESTRICTED,
    "accountExpires: {filetime+40d}": GRANTED,
    "accountExpires: 0": GRANTED,
    "accountExpires: 9223372036854775807": GRANTED,
    "userAccountControl: 514": RESTRICTED,
    "userAccountControl: 512": GRANTED,
    "userAccountControl: 66050": RESTRICTED,
    "userAccountControl: 262656": RESTRICTED,
    "userAccountControl: 8389120": EXPIRED,
    "pwdLastSet: 0": EXPIRED,
    "pwdLastSet: 0\nuserAccountControl: 66048": GRANTED,
    "pwdLastSet: {filetime-40d}": GRANTED,
    "lockoutTime: 132000000000000000": RESTRICTED,
    "lockoutTime: 0": GRANTED,
    "msDS-User-Account-Control-Computed: 16": RESTRICTED,
    "msDS-User-Account-Control-Computed: 8388608": EXPIRED,
    "msDS-UserPasswordExpiryTimeComputed: 129000000000000000": EXPIRED,
    "msDS-UserPasswordExpiryTimeComputed: 9223372036854775807": GRANTED,
    "msDS-UserAccountDisabled: TRUE": RESTRICTED,
    "ms-DS-UserAccountAutoLocked: TRUE": RESTRICTED,
    "msDS-UserPasswordExpired: TRUE": EXPIRED,
    "isDeleted: TRUE": RESTRICTED,
    f"logonHours:: {base64.b64encode(bytes(21)).decode()}": RESTRICTED,
    f"logonHours:: {base64.b64encode(bytes([255] * 21)).decode()}": GRANTED,
    # Samba 3 and 2
    "sambaAcctFlags: [UD         ]": RESTRICTED,
    "sambaAcctFlags: [DU]": RESTRICTED,
    "sambaAcctFlags: [UL         ]": RESTRICTED,
    "sambaAcctFlags: [UX         ]": GRANTED,
    "sambaKickoffTime: 1000000000": RESTRICTED,
    "sambaKickoffTime: 2147483647": GRANTED,
    "sambaKickoffTime: 0": GRANTED,
    "sambaKickoffTime: {seconds+40d}": GRANTED,
    "sambaPwdMustChange: 1000000000": EXPIRED,
    "sambaPwdMustChange: 0": EXPIRED,
    "sambaPwdMustChange: 2147483647": GRANTED,
    "sambaPwdLastSet: 0": EXPIRED,
    "sambaPwdLastSet: 1600000000": GRANTED,
    "sambaLogonHours: " + "00" * 21: RESTRICTED,
    "sambaLogonHours: " + "FF" * 21: GRANTED,
    # eDirectory
    "loginDisabled: TRUE": RESTRICTED,
    "loginDisabled: False": GRANTED,
    "lockedByIntruder: TRUE": RESTRICTED,
    "loginExpirationTime: 20200101000000Z": RESTRICTED,
    "passwordExpirationInterval: 86400\npwdChangedTime: 20200101000000Z": EXPIRED,
    # Sun, Oracle, OpenDJ, IBM
    "inetUserStatus: inactive": RESTRICTED,
    "inetUserStatus: Deleted": RESTRICTED,
    "inetUserStatus: Active": GRANTED,
    "mailUserStatus: hold": RESTRICTED,
    "iplanet-am-user-login-status: Inactive": RESTRICTED,
    "ds-pwp-account-disabled: true": RESTRICTED,
    "ds-pwp-account-expiration-time: 20200101000000Z": RESTRICTED,
    "orclIsEnabled: DISABLED": RESTRICTED,
    "orclIsEnabled: ENABLED": GRANTED,
    "orclActiveEndDate: 20200101000000z": "bad",
    "ibm-pwdAccountLocked: true": RESTRICTED,
    "secAcctValid: FALSE": RESTRICTED,
    "secAcctValid: TRUE": GRANTED,
    # Mail
    "accountStatus: disabled": RESTRICTED,
    "accountStatus: noaccess": RESTRICTED,
    "accountStatus: nopop": RESTRICTED,
    "accountStatus: active": GRANTED,
    "enabledService: mail\nenabledService: imap": RESTRICTED,
    "enabledService: mail\nenabledService: pop3": GRANTED,
    "enabledService: pop3": RESTRICTED,
    "authorizedService: imap": RESTRICTED,
    "authorizedService: *": GRANTED,
    "zimbraAccountStatus: closed": RESTRICTED,
    "zimbraAccountStatus: lockout": RESTRICTED,
    "zimbraAccountStatus: active": GRANTED,
    "zimbraPasswordMustChange: TRUE": EXPIRED,
    "zimbraPop3Enabled: FALSE": RESTRICTED,
    "zimbraImapEnabled: FALSE": GRANTED,
    "kolabDeleteflag: mail.example.com": RESTRICTED,
    "disablePop3: 1": RESTRICTED,
    "disablepop3: 0": GRANTED,
    "accountActive: FALSE": RESTRICTED,
    "mailEnabled: OK": GRANTED,
    "allowNets: 192.0.2.0/24": RESTRICTED,
    "allowNets: 192.0.2.0/24,198.51.100.7\nallowNets: 203.0.113.0/24": GRANTED,
    "allowNets: local": "bad",
    "allowNets: the office": "bad",
    f"protocolSettings:: {section_signs('POP3', '0', '1', '4')}": RESTRICTED,
    f"protocolSettings:: {section_signs('POP3', '0', '1', '4', encoding='latin-1')}": RESTRICTED,
    f"protocolSettings:: {section_signs('IMAP4', '0', '1')}\n"
    f"protocolSettings:: {section_signs('POP3', '1', '1')}": GRANTED,
    "protocolSettings: POP3 off": "bad",
    "mailenable: NONE": RESTRICTED,
    "mailenable: OK": GRANTED,
    "zarafaAccount: 0": RESTRICTED,
    "kopanoAccount: 1": GRANTED,
    "kopanoSharedStoreOnly: 1": RESTRICTED,
    "dxPwdMustChange: TRUE": EXPIRED,
    "apple-user-passwordpolicy: isDisabled=1 minChars=4": RESTRICTED,
    "apple-user-passwordpolicy: isDisabled=0 minChars=4": GRANTED,
    "authAuthority: ;DisabledUser;;ShadowHash;": RESTRICTED,
    "schacExpiryDate: 20200101000000Z": RESTRICTED,
    # Nothing of logins
    "loginShell: /sbin/nologin": GRANTED,
    "quota: 0": GRANTED,
    "roomNumber: 7\nemployeeNumber: 12": GRANTED,
    "preferredClock: block": GRANTED,
    # What cannot be understood, or kept
    "nsAccountLock: perhaps": "bad",
    "nsAccountLock:": "bad",
    "pwdEndTime: soon": "bad",
    "pwdEndTime: 20201301000000Z": "bad",
    "pwdEndTime: 20200101000000": "bad",
    "pwdReset: 2": "bad",
    "accountExpires: 20301231": RESTRICTED,
    "accountExpires: -5": "bad",
    "accountExpires: 9223372036854775806": "bad",
    "userAccountControl: DISABLED": "bad",
    "shadowExpire: never": "bad",
    "shadowLastChange: 19000\nshadowMax: -2": "bad",
    "sambaAcctFlags: UD": "bad",
    "sambaKickoffTime: tomorrow": "bad",
    "logonHours:: AAAA": "bad",
    "userWorkstations: PC1,PC2": "bad",
    "loginAllowedTimeMap:: AAAA": "bad",
    "networkAddressRestriction: 1#x": "bad",
    "mailAllowedServiceAccess: +imap:*": "bad",
    "host: other.example.com": "bad",
    "authorizedService: !pop3": "bad",
    "ipaUserAuthType: otp": "bad",
    "zimbraTwoFactorAuthEnabled: TRUE": "bad",
    "schacUserStatus: urn:schac:userStatus:x:expired": "bad",
    "1.3.6.1.4.1.42.2.27.8.1.17: 20200101000000Z": "bad",
    "accountLocked: yes": "bad",
    "accountLocked: FALSE": GRANTED,
    "acmeExpiry: 2020-01-01": "bad",
    "userSuspended: 1": "bad",
    "mailAccessDomain: example.org": "bad",
    "accessTo: other.example.com": "bad",
    # Of no schema that is known
    "enabled: FALSE": "bad",
    "isActive: 0": "bad",
    "account-status: blocked": "bad",
    "mailStatus: disabled": "bad",
    "pop3Enabled: no": "bad",
    "loginAllowed: never": "bad",
    "isEnabled: Yes\nuserStatus: Active\nimapEnabled: FALSE": "bad",
    "isEnabled: Yes\nuserStatus: Active\nimapEnabled: TRUE": GRANTED,
    "accountValidUntil: 2020-01-01": "bad",
    "validFrom: 20990101000000Z": "bad",
    "loginEndDate: 20200101": "bad",
    "userBlocked: 1": "bad",
    "blockedSince: 2020-01-01": "bad",
    "deleted: FALSE": GRANTED,
    "mustChangePassword: true": EXPIRED,
    "userPasswordMustChange: 0": GRANTED,
    "forcePasswordReset: perhaps": "bad",
    "vacationActive: FALSE\nmailForwardingActive: no": GRANTED,
    "msExchBlockedSendersHash: x\numEnabled: FALSE": GRANTED,
    "stateOrProvinceName: NY\nst: NY\norganizationalStatus: guest": GRANTED,
    "ualauthPolicy: {": "bad",
}


def _lines(text: str) -> list[str]:
    # Some texts have braces of their own.
    return (text if text.endswith("{") else written(text)).split("\n")


def test_pop3_lets_in_whom_the_directory_does(house: House) -> None:
    users = {f"u{index}": attributes for index, attributes in enumerate(LOGINS)}
    text = "".join(entry(user, *_lines(lines)) for user, lines in users.items())
    result = house.import_("ldif", text, "--bad-lines", "skip")
    authids = {user.authid for user in house.store.users()}
    logins = house.logins(authids)
    outcomes = {lines: logins.get(user, "bad") for user, lines in users.items()}
    assert outcomes == LOGINS
    assert result.exit_code == 1


def test_a_date_to_come_is_a_date_of_the_record() -> None:
    line = user_of(
        "ldif",
        entry(
            "ann",
            "krbPrincipalExpiration: 20401231235959Z",
            "pwdEndTime: 20390101000000+0100",
            f"accountExpires: {file_time(datetime(2041, 1, 1, tzinfo=UTC))}",
            "passwordExpirationTime: 203901010000.5Z",
        ),
    )
    assert line.user.account_expires == datetime(2038, 12, 31, 23, tzinfo=UTC)
    assert line.user.password_expires == datetime(2039, 1, 1, 0, 0, 30, tzinfo=UTC)


def test_hours_of_a_week_are_a_policy() -> None:
    bits = bytearray(21)
    for hour in (*range(24 + 8, 24 + 18), 167):  # Monday; the last hour of Saturday
        bits[hour // 8] |= 1 << hour % 8
    line = user_of("ldif", entry("ann", f"logonHours:: {base64.b64encode(bits).decode()}"))
    assert read_own(line.user.policy) == {
        "allowed_hours": ("Mo 08:00-18:00", "Sa 23:00-24:00"),
        "time_zone": "UTC",
    }


def test_services_are_only_those_that_all_attributes_allow() -> None:
    attributes = "enabledService: mail", "enabledService: pop3", "enabledService: imap"
    line = user_of("ldif", entry("ann", *attributes, "disablepop3: TRUE"))
    assert read_own(line.user.policy) == {"allowed_services": ("imap", "mail")}


def test_ages_of_rfc_2307_hold_for_later_passwords() -> None:
    numbers = "shadowLastChange: 19000", "shadowMin: 3", "shadowMax: 90", "shadowInactive: 0"
    policy = read_own(user_of("ldif", entry("ann", *numbers, "shadowWarning: 14")).user.policy)
    assert policy == {
        "inactive_days": 1,
        "maximum_age_days": 90,
        "minimum_age_days": 3,
        "warning_days": 14,
    }


def test_a_lock_says_which_attribute_it_comes_from() -> None:
    user = user_of("ldif", entry("ann", "accountStatus: disabled", "isDeleted: TRUE")).user
    assert user.lock_reason == "accountstatus: disabled; isdeleted: TRUE"


@pytest.mark.parametrize("name", ["userWorkstations", "host", "acmeLock", "2.5.6"])
def test_an_attribute_may_be_ignored(name: str) -> None:
    text = entry("ann", f"{name}: x")
    assert f"--ignore {name.lower()}" in problem_of("ldif", text)
    line = user_of("ldif", text, Reading(ignore=frozenset({name.lower()})))
    assert not line.user.locked


def test_only_what_restricts_counts_as_given() -> None:
    attributes = "nsAccountLock: FALSE", "pwdReset: FALSE", "accountExpires: 0", "shadowExpire: -1"
    given = {"authid", "surname", "common_name", "password"}
    assert user_of("ldif", entry("ann", *attributes)).fields == given


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        (f"!{HASH}", HASH),
        (f"{{CRYPT}}!{HASH}", HASH),
        (f"{{crypt}}!!{CRYPT}", CRYPT),
        ("{SSHA}!LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0", HASH),
    ],
)
def test_a_lock_before_a_hash_locks_and_can_be_taken_away(stored: str, password: str) -> None:
    text = entry("ann").replace(f"userPassword: {HASH}", f"userPassword: {stored}")
    user = user_of("ldif", text).user
    assert (user.locked, user.password) == (True, password)


def test_without_a_password_even_nullok_lets_no_one_in(house: House) -> None:
    house.folder.service("pop3", "auth required om_auth nullok\naccount required om_auth\n")
    without = entry("ann").replace(f"userPassword: {HASH}\n", "")
    assert house.import_("ldif", without).exit_code == 0
    assert house.import_("dovecot", "ben::::Ben::\n").exit_code == 0
    assert house.import_("csv", "authid,name\ncat,Cat\n").exit_code == 0
    assert set(house.logins(["ann", "ben", "cat"], "").values()) == {"AuthenticationFailed"}
