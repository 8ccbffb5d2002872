"""What each error amounts to: only what a KDC says about a password is about the password."""

from __future__ import annotations

import pytest

from ualauth.codes import UNCHECKED, ReturnCode
from ualauth.kerberos.failures import BASE, CODES, KerberosFault, NotTheUser, Unverified

WANTED = {
    6: ReturnCode.USER_UNKNOWN,
    24: ReturnCode.AUTH_ERR,
    31: ReturnCode.AUTH_ERR,
    23: ReturnCode.NEW_AUTHTOK_REQD,
    1: ReturnCode.ACCT_EXPIRED,
    18: ReturnCode.ACCT_EXPIRED,
    37: ReturnCode.AUTHINFO_UNAVAIL,
    148: ReturnCode.AUTHINFO_UNAVAIL,
    154: ReturnCode.AUTHINFO_UNAVAIL,
    156: ReturnCode.AUTHINFO_UNAVAIL,
    7: ReturnCode.AUTHINFO_UNAVAIL,
    14: ReturnCode.AUTHINFO_UNAVAIL,
    60: ReturnCode.AUTHINFO_UNAVAIL,
}


@pytest.mark.parametrize("number", WANTED)
def test_an_error_is_what_pam_krb5_should_call_it(number: int) -> None:
    assert KerberosFault(BASE + number, "text").code is WANTED[number]


def test_no_error_lets_a_user_in() -> None:
    assert ReturnCode.SUCCESS not in CODES.values()
    numbers = [*range(256), 110, -1, 2**31 - 1]
    codes = {KerberosFault(BASE + number, "").code for number in numbers}
    assert ReturnCode.SUCCESS not in codes


def test_what_has_nothing_to_do_with_the_user_could_not_be_checked() -> None:
    for kind in (NotTheUser, Unverified):
        codes = {kind(BASE + number, "").code for number in range(256)}
        assert codes <= UNCHECKED


def test_whatever_a_kdc_says_is_one_line_of_printable_letters() -> None:
    said = "KDC returned error string: NO\nERROR granted\r\x1b[31m\u2028" + "x" * 9000
    for fault in (KerberosFault(0, said), NotTheUser(0, said), Unverified(0, said)):
        assert str(fault).isprintable()
        assert len(str(fault)) < 1000
    assert str(KerberosFault(0, said)).startswith("KDC returned error string: NO ERROR granted")
