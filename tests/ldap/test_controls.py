"""What servers say in controls, octet by octet, and what changes of passwords look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.ldap.client import controls, password_change
from ualauth.ldap.client.faults import ProtocolFault
from ualauth.ldap.client.values import Change, Modification, Policy, PolicyError


def _behera(text: str) -> Policy:
    return controls.read_policy({controls.PASSWORD_POLICY: bytes.fromhex(text)}, accepted=True)


# draft-behera-ldap-password-policy-10, section 6.2


@pytest.mark.parametrize(
    ("octets", "policy"),
    [
        ("3000", Policy()),
        ("3005a003800109", Policy(seconds_left=9)),
        ("3006a0048002 0e10", Policy(seconds_left=3600)),
        ("3005a003810102", Policy(grace_left=2)),
        ("3005a003810100", Policy(grace_left=0)),
        ("3003810100", Policy(error=PolicyError.PASSWORD_EXPIRED)),
        ("3003810101", Policy(error=PolicyError.ACCOUNT_LOCKED)),
        ("3003810109", Policy(error=PolicyError.PASSWORD_TOO_LONG)),
        ("3008a003810101810102", Policy(grace_left=1, error=PolicyError.CHANGE_AFTER_RESET)),
    ],
)
def test_password_policy_is_read(octets: str, policy: Policy) -> None:
    assert _behera(octets) == policy


@pytest.mark.parametrize("octets", ["", "30", "3003", "30038101", "3003810163", "0400", "31ff"])
def test_password_policy_that_cannot_be_read_is_no_answer(octets: str) -> None:
    with pytest.raises(ProtocolFault):
        _behera(octets)


@given(st.binary(max_size=30))
def test_no_octets_of_a_control_do_harm(value: bytes) -> None:
    for name in controls.RESPONSES[:3]:
        try:
            policy = controls.read_policy({name: value}, accepted=False)
        except ProtocolFault:
            continue
        assert isinstance(policy, Policy)


# draft-vchu-ldap-pwd-policy-00: what 389-DS sends


def test_netscapes_controls_are_read() -> None:
    expired = {controls.PASSWORD_EXPIRED: b"0"}
    errors = [controls.read_policy(expired, accepted=accepted).error for accepted in (False, True)]
    assert errors == [PolicyError.PASSWORD_EXPIRED, PolicyError.CHANGE_AFTER_RESET]
    expiring = {controls.PASSWORD_EXPIRING: b"86400"}
    assert controls.read_policy(expiring, accepted=True) == Policy(seconds_left=86400)
    with pytest.raises(ProtocolFault):
        controls.read_policy({controls.PASSWORD_EXPIRING: b"soon"}, accepted=True)


# RFC 2696


def test_pages_are_asked_for_and_end() -> None:
    assert controls.page(500, b"") == bytes.fromhex("3006020201f40400")
    assert controls.page(1, b"ab") == bytes.fromhex("300702010104026162")
    assert controls.cookie(bytes.fromhex("30070201000402abcd")) == b"\xab\xcd"
    assert controls.cookie(bytes.fromhex("30050201000400")) == b""


# RFC 3062


def test_the_password_modify_operation_is_written() -> None:
    value = password_change.exop("cn=x", "old", "new")
    assert value == bytes.fromhex("3010") + b"\x80\x04cn=x\x81\x03old\x82\x03new"
    assert password_change.exop("x", None, "n") == bytes.fromhex("3006") + b"\x80\x01x\x82\x01n"
    assert password_change.generated(bytes.fromhex("3005800361c3a4")) == "aä"
    assert password_change.generated(bytes.fromhex("3000")) == ""
    assert password_change.generated(None) == ""
    with pytest.raises(ProtocolFault):
        password_change.generated(b"\x30\x05\x80\x03\xff\xff\xff")


# [MS-ADTS], section 3.1.1.3.1.5


def test_active_directorys_password_is_written() -> None:
    new = b'"\0n\0"\0'
    assert password_change.unicode_pwd("o", "n") == [
        Modification(Change.DELETE, "unicodePwd", (b'"\0o\0"\0',)),
        Modification(Change.ADD, "unicodePwd", (new,)),
    ]
    assert password_change.unicode_pwd(None, "n") == [
        Modification(Change.REPLACE, "unicodePwd", (new,))
    ]
