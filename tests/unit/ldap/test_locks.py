"""What each product writes for never, at once, and until an administrator acts: both directions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.ldap.client.values import Attributes, LdapEntry
from ualauth.ldap.rules.locks import (
    ACCOUNT,
    DECIDED_BY,
    NAMES,
    PASSWORD,
    Moment,
    age,
    restriction,
)
from ualauth.ldap.rules.products import Product, product
from ualauth.ldap.rules.syntaxes import time

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
TODAY = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days
SOON, PAST = "20261129130000Z", "20261129110000Z"
FILE_TIME_SOON = 134406036000000000  # 2026-11-30
FILE_TIME_PAST = 134401036000000000
SECONDS = int(NOW.timestamp())
OPEN = "open"
UNREADABLE = "authinfo_unavail"
LOCKED, EXPIRED, CHANGE = "perm_denied", "acct_expired", "new_authtok_reqd"


Given = Mapping[str, str | bytes | list[str]]
"""Attributes by their names; an underscore in a name stands for a hyphen."""


def entry(attributes: Given) -> LdapEntry:
    """Return an entry."""
    return LdapEntry(
        "uid=x",
        Attributes(
            {
                name.replace("_", "-"): [
                    each if isinstance(each, bytes) else each.encode()
                    for each in (given if isinstance(given, list) else [given])
                ]
                for name, given in attributes.items()
            }
        ),
    )


def outcome(attributes: Given, *, bound: bool = False) -> str:
    moment = Moment(NOW, bound)
    judgement = restriction(entry(attributes), moment) or age(entry(attributes), moment)
    return OPEN if judgement is None else str(judgement.code)


def hours(moment: datetime, minutes: int = 60) -> bytes:
    """Return a week from Sunday on with the bit of one moment alone."""
    sunday = datetime(2026, 11, 29, tzinfo=UTC)
    byte, bit = divmod((moment - sunday) // timedelta(minutes=minutes) % (10080 // minutes), 8)
    week = bytearray(10080 // minutes // 8)
    week[byte] = 1 << bit
    return bytes(week)


def half_hours(moment: datetime) -> bytes:
    return hours(moment, 30)


COMPUTED = "msDS_User_Account_Control_Computed"
CASES: list[tuple[Given, str]] = [
    # 389 Directory Server: pw.h and pw_mgmt.c, and what a server of version 2.3.1 does
    *[({"nsAccountLock": word}, LOCKED) for word in ("true", "TRUE", "True", "1", "yes", "on")],
    *[({"nsAccountLock": word}, OPEN) for word in ("false", "FALSE", "0", "no", "off")],
    *[({"nsAccountLock": word}, UNREADABLE) for word in ("", "maybe", "locked", "2")],
    ({"accountUnlockTime": SOON}, LOCKED),
    ({"accountUnlockTime": PAST}, OPEN),
    ({"accountUnlockTime": "19700101000000Z"}, LOCKED),
    ({"accountUnlockTime": "19700101000001Z"}, OPEN),
    ({"accountUnlockTime": "19700101010000+0100"}, LOCKED),
    ({"accountUnlockTime": "0"}, UNREADABLE),
    ({"passwordExpirationTime": SOON}, OPEN),
    ({"passwordExpirationTime": PAST}, CHANGE),
    ({"passwordExpirationTime": "19700101000000Z"}, CHANGE),
    ({"passwordExpirationTime": "19700101000001Z"}, OPEN),
    ({"passwordExpirationTime": "20380119031407Z"}, OPEN),
    ({"passwordExpirationTime": "never"}, UNREADABLE),
    # OpenLDAP: draft-behera-ldap-password-policy-10, sections 5.3.3 and 5.3.7
    ({"pwdAccountLockedTime": "000001010000Z"}, LOCKED),
    ({"pwdAccountLockedTime": "00000101000000Z"}, LOCKED),
    ({"pwdAccountLockedTime": PAST}, LOCKED),
    ({"pwdAccountLockedTime": "forever"}, UNREADABLE),
    ({"pwdReset": "TRUE"}, CHANGE),
    ({"pwdReset": "true"}, CHANGE),
    ({"pwdReset": "FALSE"}, OPEN),
    ({"pwdReset": "perhaps"}, UNREADABLE),
    ({"pwdAccountTmpLockoutEnd": SOON}, LOCKED),
    ({"pwdAccountTmpLockoutEnd": PAST}, OPEN),
    ({"pwdAccountTmpLockoutEnd": "?"}, UNREADABLE),
    ({"pwdStartTime": SOON}, LOCKED),
    ({"pwdStartTime": PAST}, OPEN),
    ({"pwdStartTime": "tomorrow"}, UNREADABLE),
    ({"pwdEndTime": SOON}, OPEN),
    ({"pwdEndTime": PAST}, EXPIRED),
    ({"pwdEndTime": "000001010000Z"}, EXPIRED),
    ({"pwdEndTime": "99991231235959Z"}, OPEN),
    ({"pwdEndTime": "never"}, UNREADABLE),
    # Active Directory: [MS-ADA1], [MS-ADTS] sections 2.2.16 and 3.1.1.4.5.17
    ({"userAccountControl": "512"}, OPEN),
    ({"userAccountControl": "514"}, LOCKED),
    ({"userAccountControl": "528"}, LOCKED),
    ({"userAccountControl": "66048"}, OPEN),
    ({"userAccountControl": "8389120"}, CHANGE),
    ({"userAccountControl": "-2147483646"}, LOCKED),
    *[({"userAccountControl": each}, UNREADABLE) for each in ("", "0x200", "5_12", "٥١٢", " 512")],
    ({"userAccountControl": "99999999999"}, UNREADABLE),
    ({COMPUTED: "0"}, OPEN),
    ({COMPUTED: "16"}, LOCKED),
    ({COMPUTED: "8388608"}, CHANGE),
    ({COMPUTED: "8388624"}, LOCKED),
    ({COMPUTED: "none"}, UNREADABLE),
    ({"accountExpires": "0"}, OPEN),
    ({"accountExpires": "9223372036854775807"}, OPEN),
    ({"accountExpires": "9223372036854775806"}, OPEN),
    ({"accountExpires": "1"}, EXPIRED),
    ({"accountExpires": str(FILE_TIME_SOON)}, OPEN),
    ({"accountExpires": str(FILE_TIME_PAST)}, EXPIRED),
    *[({"accountExpires": each}, UNREADABLE) for each in ("-1", "9223372036854775808", "never")],
    ({"lockoutTime": "0"}, OPEN),
    ({"lockoutTime": str(FILE_TIME_PAST)}, LOCKED),
    # When the lock is over is in what is computed.
    ({"lockoutTime": str(FILE_TIME_PAST), COMPUTED: "0"}, OPEN),
    ({"lockoutTime": str(FILE_TIME_PAST), COMPUTED: "16"}, LOCKED),
    ({"lockoutTime": "-1"}, UNREADABLE),
    ({"pwdLastSet": "0"}, CHANGE),
    ({"pwdLastSet": "0", "userAccountControl": "66048"}, OPEN),
    ({"pwdLastSet": "0", "userAccountControl": "512"}, CHANGE),
    ({"pwdLastSet": str(FILE_TIME_PAST)}, OPEN),
    ({"pwdLastSet": "-1"}, UNREADABLE),
    ({"logonHours": b"\xff" * 21}, OPEN),
    ({"logonHours": hours(NOW)}, OPEN),
    ({"logonHours": hours(NOW + timedelta(hours=1))}, LOCKED),
    ({"logonHours": hours(NOW + timedelta(days=1))}, LOCKED),
    ({"logonHours": bytes(21)}, LOCKED),
    *[({"logonHours": each}, UNREADABLE) for each in (b"", b"\xff", b"\xff" * 22, "all")],
    ({"sambaLogonHours": hours(NOW).hex()}, OPEN),
    ({"sambaLogonHours": hours(NOW).hex().upper()}, OPEN),
    ({"sambaLogonHours": "00" * 21}, LOCKED),
    *[({"sambaLogonHours": each}, UNREADABLE) for each in ("", "ff", "ff" * 22, "all", "é" * 42)],
    # MIT Kerberos and FreeIPA: kdb.h, kdc_util.c, libkdb_ldap's and ipa-pwd-extop's times
    ({"krbPrincipalExpiration": SOON}, OPEN),
    ({"krbPrincipalExpiration": PAST}, EXPIRED),
    ({"krbPrincipalExpiration": "19700101000000Z"}, OPEN),
    ({"krbPrincipalExpiration": "19700101000001Z"}, EXPIRED),
    ({"krbPrincipalExpiration": "20380119031407Z"}, OPEN),
    ({"krbPrincipalExpiration": "never"}, UNREADABLE),
    ({"krbPasswordExpiration": SOON}, OPEN),
    ({"krbPasswordExpiration": PAST}, CHANGE),
    ({"krbPasswordExpiration": "19700101000000Z"}, OPEN),
    ({"krbPasswordExpiration": "never"}, UNREADABLE),
    ({"krbTicketFlags": "0"}, OPEN),
    ({"krbTicketFlags": "128"}, OPEN),
    ({"krbTicketFlags": "64"}, LOCKED),
    ({"krbTicketFlags": "192"}, LOCKED),
    ({"krbTicketFlags": "512"}, CHANGE),
    ({"krbTicketFlags": "none"}, UNREADABLE),
    # Samba without Active Directory: passdb.h, pdb_ldap.c, auth_sam.c
    ({"sambaAcctFlags": "[U          ]"}, OPEN),
    ({"sambaAcctFlags": "[UX]"}, OPEN),
    ({"sambaAcctFlags": "[DU         ]"}, LOCKED),
    ({"sambaAcctFlags": "[UL         ]"}, LOCKED),
    *[({"sambaAcctFlags": each}, UNREADABLE) for each in ("", "U", "[Uz]", "[u]", "disabled")],
    ({"sambaKickoffTime": "0"}, OPEN),
    ({"sambaKickoffTime": "2147483647"}, OPEN),
    ({"sambaKickoffTime": "9223372036854775807"}, OPEN),
    ({"sambaKickoffTime": str(SECONDS + 60)}, OPEN),
    ({"sambaKickoffTime": str(SECONDS - 60)}, EXPIRED),
    ({"sambaKickoffTime": "1"}, EXPIRED),
    *[({"sambaKickoffTime": each}, UNREADABLE) for each in ("-1", "never", "")],
    # RFC 2307: shadow(5), pam_unix's passverify.c
    ({"shadowExpire": "-1"}, OPEN),
    ({"shadowExpire": "0"}, EXPIRED),
    ({"shadowExpire": "-2"}, EXPIRED),
    ({"shadowExpire": str(TODAY)}, EXPIRED),
    ({"shadowExpire": str(TODAY + 1)}, OPEN),
    *[({"shadowExpire": each}, UNREADABLE) for each in ("", "never", "1e9", "+1")],
    ({"shadowLastChange": "0"}, CHANGE),
    ({"shadowLastChange": "0", "shadowMax": "-1"}, CHANGE),
    ({"shadowLastChange": "-1", "shadowMax": "1"}, OPEN),
    ({"shadowLastChange": str(TODAY - 30), "shadowMax": "-1"}, OPEN),
    ({"shadowLastChange": str(TODAY - 30), "shadowMax": "99999"}, OPEN),
    ({"shadowLastChange": str(TODAY - 30), "shadowMax": "20"}, CHANGE),
    ({"shadowLastChange": str(TODAY - 30), "shadowMax": "20", "shadowInactive": "-1"}, CHANGE),
    ({"shadowLastChange": str(TODAY - 30), "shadowMax": "20", "shadowInactive": "0"}, EXPIRED),
    ({"shadowLastChange": str(TODAY - 30), "shadowMax": "never"}, UNREADABLE),
    ({"shadowLastChange": str(TODAY - 30), "shadowMax": b"\xff"}, UNREADABLE),
    ({"shadowLastChange": "long ago"}, UNREADABLE),
    # eDirectory
    ({"loginDisabled": "TRUE"}, LOCKED),
    ({"loginDisabled": "FALSE"}, OPEN),
    ({"loginDisabled": "?"}, UNREADABLE),
    ({"lockedByIntruder": "FALSE"}, OPEN),
    ({"lockedByIntruder": "TRUE"}, LOCKED),
    ({"lockedByIntruder": "TRUE", "loginIntruderResetTime": SOON}, LOCKED),
    ({"lockedByIntruder": "TRUE", "loginIntruderResetTime": PAST}, OPEN),
    ({"lockedByIntruder": "TRUE", "loginIntruderResetTime": "later"}, UNREADABLE),
    ({"lockedByIntruder": "?"}, UNREADABLE),
    ({"loginExpirationTime": SOON}, OPEN),
    ({"loginExpirationTime": PAST}, EXPIRED),
    ({"loginExpirationTime": "19700101000000Z"}, EXPIRED),
    ({"loginExpirationTime": "never"}, UNREADABLE),
    ({"loginActivationTime": SOON}, LOCKED),
    ({"loginActivationTime": PAST}, OPEN),
    ({"loginActivationTime": "tomorrow"}, UNREADABLE),
    ({"loginAllowedTimeMap": half_hours(NOW)}, OPEN),
    ({"loginAllowedTimeMap": half_hours(NOW - timedelta(minutes=30))}, LOCKED),
    ({"loginAllowedTimeMap": bytes(42)}, LOCKED),
    ({"loginAllowedTimeMap": bytes(21)}, UNREADABLE),
    # OpenDJ and its relatives, IBM's, Oracle's
    ({"ds_pwp_account_disabled": "true"}, LOCKED),
    ({"ds_pwp_account_disabled": "false"}, OPEN),
    ({"ds_pwp_account_disabled": "?"}, UNREADABLE),
    ({"ds_pwp_account_activation_time": SOON}, LOCKED),
    ({"ds_pwp_account_activation_time": PAST}, OPEN),
    ({"ds_pwp_account_activation_time": "?"}, UNREADABLE),
    ({"ds_pwp_account_expiration_time": PAST}, EXPIRED),
    ({"ds_pwp_account_expiration_time": SOON}, OPEN),
    ({"ds_pwp_account_expiration_time": "?"}, UNREADABLE),
    ({"ibm_pwdAccountLocked": "true"}, LOCKED),
    ({"ibm_pwdAccountLocked": "FALSE"}, OPEN),
    ({"ibm_pwdAccountLocked": "?"}, UNREADABLE),
    ({"orclIsEnabled": "ENABLED"}, OPEN),
    *[({"orclIsEnabled": each}, LOCKED) for each in ("DISABLED", "disabled", "", "?")],
    ({"orclActiveStartDate": SOON}, LOCKED),
    ({"orclActiveStartDate": PAST}, OPEN),
    ({"orclActiveStartDate": "?"}, UNREADABLE),
    ({"orclActiveEndDate": PAST}, EXPIRED),
    ({"orclActiveEndDate": SOON}, OPEN),
    ({"orclActiveEndDate": "?"}, UNREADABLE),
    # Sun's and its successors
    ({"inetUserStatus": "active"}, OPEN),
    ({"inetUserStatus": "Active"}, OPEN),
    *[({"inetUserStatus": each}, LOCKED) for each in ("inactive", "deleted", "disabled", "", "?")],
]


@pytest.mark.parametrize(("attributes", "code"), CASES, ids=str)
def test_a_value_means_what_its_product_means(attributes: Given, code: str) -> None:
    assert outcome(attributes) == code


@pytest.mark.parametrize(("attributes", "code"), CASES, ids=str)
def test_a_bind_opens_only_what_a_policy_has_to_say(attributes: Given, code: str) -> None:
    # For how long such a lock holds, the attribute does not tell.
    if attributes == {"pwdAccountLockedTime": PAST}:
        code = OPEN
    assert outcome(attributes, bound=True) == code


@pytest.mark.parametrize(
    ("product", "attributes"),
    [
        (Product.DS389, {"passwordExpirationTime": PAST}),
        (Product.DS389, {"passwordExpirationTime": "19700101000000Z"}),
        (Product.DS389, {"accountUnlockTime": SOON}),
        (Product.EDIRECTORY, {"passwordExpirationTime": PAST}),
        (Product.EDIRECTORY, {"lockedByIntruder": "TRUE"}),
        (Product.OPENLDAP, {"pwdReset": "TRUE"}),
        (Product.ACTIVE_DIRECTORY, {COMPUTED: "16"}),
        (Product.ACTIVE_DIRECTORY, {"lockoutTime": str(FILE_TIME_PAST)}),
        (Product.ACTIVE_DIRECTORY, {"pwdLastSet": "0"}),
        (Product.ACTIVE_DIRECTORY, {"logonHours": bytes(21)}),
        (Product.EDIRECTORY, {"loginAllowedTimeMap": bytes(42)}),
        (Product.OPENLDAP, {"pwdAccountTmpLockoutEnd": SOON}),
    ],
)
def test_what_a_server_has_decided_itself_counts_only_where_it_was_not_asked(
    product: Product, attributes: Given
) -> None:
    assert outcome(attributes) not in {OPEN, UNREADABLE}
    moment = Moment(NOW, bound=True, decided=DECIDED_BY[product])
    assert restriction(entry(attributes), moment) is None
    assert age(entry(attributes), moment) is None
    others = {name for each in DECIDED_BY if each is not product for name in DECIDED_BY[each]}
    moment.decided = frozenset(others - DECIDED_BY[product])
    assert restriction(entry(attributes), moment) or age(entry(attributes), moment)


@pytest.mark.parametrize("product", DECIDED_BY)
def test_no_server_decides_about_what_administrators_have_locked(product: Product) -> None:
    moment = Moment(NOW, bound=True, decided=DECIDED_BY[product])
    for attributes in (
        {"nsAccountLock": "true"},
        {"loginDisabled": "TRUE"},
        {"userAccountControl": "514"},
        {"shadowExpire": "1"},
        {"krbPrincipalExpiration": PAST},
        {"pwdAccountLockedTime": "000001010000Z"},
    ):
        assert restriction(entry(attributes), moment) is not None


@pytest.mark.parametrize(
    ("root_dse", "expected"),
    [
        ({"vendorName": "389 Project"}, Product.DS389),
        ({"vendorName": "Red Hat"}, Product.DS389),
        ({"vendorName": "NetIQ Corporation"}, Product.EDIRECTORY),
        ({"vendorName": "Novell, Inc."}, Product.EDIRECTORY),
        ({"objectClass": ["top", "OpenLDAProotDSE"]}, Product.OPENLDAP),
        ({"supportedCapabilities": "1.2.840.113556.1.4.800"}, Product.ACTIVE_DIRECTORY),
        ({"vendorName": "A 389 Project"}, Product.OTHER),
        ({}, Product.OTHER),
    ],
    ids=str,
)
def test_a_server_says_what_it_is(root_dse: Given, expected: Product) -> None:
    assert product(entry(root_dse)) is expected


def test_every_attribute_has_cases_for_open_closed_and_unreadable() -> None:
    for name, _ in (*ACCOUNT, *PASSWORD):
        seen = {code for given, code in CASES if name.replace("-", "_") in given}
        # What is not active is closed, whatever the word.
        assert seen & {LOCKED, EXPIRED, CHANGE}, name
        assert OPEN in seen or name == "pwdAccountLockedTime", name
        assert UNREADABLE in seen or name in {"inetUserStatus", "orclIsEnabled"}, name


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_text_or_has_no_value_is_not_open(name: str) -> None:
    lone: dict[str, Given] = {
        "shadowMax": {"shadowLastChange": "20000"},
        "shadowInactive": {"shadowLastChange": "1"},
    }
    lone["loginIntruderResetTime"] = {"lockedByIntruder": "TRUE"}
    given: Given = {name.replace("-", "_"): b"\xff\xfe", **lone.get(name, {})}
    assert outcome(given) == UNREADABLE
    if name not in lone:
        assert outcome({name.replace("-", "_"): []}) == UNREADABLE


@pytest.mark.parametrize(
    ("name", "harmless", "harmful"),
    [
        ("nsAccountLock", "false", "true"),
        ("accountUnlockTime", PAST, SOON),
        ("userAccountControl", "512", "514"),
        ("shadowExpire", "-1", "1"),
        ("sambaAcctFlags", "[U]", "[DU]"),
    ],
)
def test_of_several_values_the_one_that_restricts_counts(
    name: str, harmless: str, harmful: str
) -> None:
    assert outcome({name: [harmless, harmless]}) == OPEN
    assert outcome({name: [harmless, harmful]}) not in {OPEN, UNREADABLE}
    assert outcome({name: [harmful, harmless]}) not in {OPEN, UNREADABLE}
    assert outcome({name: [harmless, "?"]}) == UNREADABLE


@given(st.sampled_from(NAMES), st.one_of(st.text(max_size=20), st.binary(max_size=20)))
def test_no_value_makes_an_error(name: str, value: str | bytes) -> None:
    octets = value if isinstance(value, bytes) else value.encode()
    known = {OPEN, UNREADABLE, LOCKED, EXPIRED, CHANGE}
    assert outcome({name.replace("-", "_"): octets}) in known


# RFC 4517, section 3.3.13


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026112912Z", NOW),
        ("202611291200Z", NOW),
        ("20261129120000.75Z", NOW),
        ("20261129120000,75Z", NOW),
        ("20261129130000+01", NOW),
        ("20261129130000+0100", NOW),
        ("20261129063000.5-0530", NOW),
        ("20161231235960Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text: str, moment: datetime) -> None:
    assert time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20261129120000",
        "20261129120000z",
        "261129120000Z",
        "20261329120000Z",
        "20261129250000Z",
        "20261129120061Z",
        "20261129120000Z ",
        "20261129120000+9900",
        "\uff12\uff10\uff12\uff161129120000Z",
        "20261129120000.Z",
    ],
)
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of `datetime`, some of them
        time(text)


def test_the_dates_of_the_cases_are_what_they_say() -> None:
    first = datetime(1601, 1, 1, tzinfo=UTC)
    assert first + timedelta(microseconds=FILE_TIME_PAST // 10) < NOW
    assert first + timedelta(microseconds=FILE_TIME_SOON // 10) > NOW
