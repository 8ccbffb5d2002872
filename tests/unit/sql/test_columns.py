"""What the values of columns mean, of whatever type, and what a row makes of them."""

from __future__ import annotations

import ipaddress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ualauth.codes import ReturnCode
from ualauth.contract.identity import MailboxClass
from ualauth.sql.drivers.driver import Answer
from ualauth.sql.faults import Unreadable
from ualauth.sql.rules import columns
from ualauth.sql.rules.access import judge
from ualauth.sql.rules.user import COLUMNS, SqlUser, read_user, understood

MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)


def user_of(default_scheme: str = "", /, **values: Any) -> SqlUser:
    row = {"user": "jo", "password": "{PLAIN}x"} | values
    return read_user(Answer(tuple(row), (tuple(row.values()),)), default_scheme, BERLIN)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        *((each, True) for each in (True, 1, 1.0, Decimal(1), b"\1", b"1", "1", "t", "TRUE", "Y")),
        *((each, True) for each in ("yes", " on ", "enabled", "Active", b"y")),
        *((each, False) for each in (False, 0, Decimal(0), b"\0", b"0", "0", "f", "False", "NO")),
        *((each, False) for each in ("off", "disabled", "inactive", "n")),
    ],
)
def test_a_flag_is_written_in_many_ways(value: object, meant: bool) -> None:
    assert columns.flag(value) is meant
    assert user_of(active=value).active is meant


@pytest.mark.parametrize("value", [2, -1, 0.5, "", "maybe", "2", b"\2", b"\xff", [], {}, date.min])
def test_what_is_neither_yes_nor_no_cannot_be_read(value: object) -> None:
    with pytest.raises(Unreadable, match="`active` cannot be read"):
        user_of(active=value)


def test_null_is_no_yes() -> None:
    assert not user_of(active=None).active
    assert user_of().active


@pytest.mark.parametrize(
    ("value", "lock"),
    [
        (None, None),
        (0, None),
        ("no", None),
        (False, None),
        ("f", None),
        ("y", ""),
        (1, ""),
        ("", ""),
        ("moved away", "moved away"),
        (b"moved", "moved"),
        (2, ""),
    ],
)
def test_nologin_has_an_effect_unless_it_says_no(value: object, lock: str | None) -> None:
    assert user_of(nologin=value).lock == lock


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (NOON.replace(hour=13, tzinfo=None), NOON),
        (datetime(2030, 1, 2, 12, tzinfo=UTC), NOON),
        (datetime(2030, 1, 2, 7, tzinfo=timezone(timedelta(hours=-5))), NOON),
        (date(2030, 1, 2), datetime(2030, 1, 2, tzinfo=BERLIN)),
        (1893585600, NOON),
        (Decimal(1893585600), NOON),
        ("1893585600", NOON),
        (b"1893585600", NOON),
        ("2030-01-02 13:00:00", NOON),
        (b"2030-01-02T13:00:00", NOON),
        ("2030-01-02 12:00:00+00", NOON),
        ("2030-01-02 12:00:00Z", NOON),
        ("2030-01-02 17:30:00+05:30", NOON),
        ("2030-01-02", datetime(2030, 1, 2, tzinfo=BERLIN)),
        ("infinity", columns.NEVER),
        ("-infinity", datetime.min.replace(tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_has_many_types(value: object, moment: datetime) -> None:
    assert user_of(expires=value).expires == moment


@pytest.mark.parametrize(
    "value",
    [
        "0000-00-00 00:00:00",
        "",
        "soon",
        "31.12.2030",
        True,
        -1,
        float("nan"),
        float("inf"),
        10**30,
        b"\xff",
        "2030-01-02 BC",
        "99999-01-01",
        [],
        Decimal("NaN"),
        Decimal("sNaN"),
    ],
)
def test_what_is_no_time_cannot_be_read(value: object) -> None:
    with pytest.raises(Unreadable, match="`expires` cannot be read"):
        user_of(expires=value)


@pytest.mark.parametrize(
    ("value", "rhost", "allowed"),
    [
        (None, "203.0.113.9", True),
        ("", "203.0.113.9", False),
        ("192.0.2.0/24, 2001:db8::/32", "192.0.2.7", True),
        ("192.0.2.0/24, 2001:db8::/32", "2001:db8::7", True),
        ("192.0.2.0/24, 2001:db8::/32", "::ffff:192.0.2.7", True),
        ("192.0.2.0/24, 2001:db8::/32", "203.0.113.9", False),
        ("192.0.2.0/24", "mail.example.com", False),
        ("192.0.2.0/24", None, False),
        ("192.0.2.7/24", "192.0.2.200", True),
        ("[2001:db8::]/32", "2001:db8::7", False),
        ("local", None, True),
        ("local", "", True),
        ("local", "127.0.0.1", False),
        ("Local,127.0.0.1", "127.0.0.1", True),
        ([ipaddress.ip_network("192.0.2.0/24"), None], "192.0.2.7", True),
        (ipaddress.ip_address("192.0.2.7"), "192.0.2.7", True),
        (ipaddress.ip_interface("192.0.2.7/24"), "192.0.2.9", True),
        (b"192.0.2.0/24", "192.0.2.7", True),
        ([], "192.0.2.7", False),
    ],
)
def test_networks_are_those_of_dovecot(value: object, rhost: str | None, allowed: bool) -> None:
    try:
        code = judge(user_of(allow_nets=value), rhost).code
    except Unreadable:
        code = ReturnCode.AUTHINFO_UNAVAIL
    assert (code is ReturnCode.SUCCESS) is allowed
    if allowed:
        assert judge(user_of(networks=value), rhost).code is ReturnCode.SUCCESS


@pytest.mark.parametrize("value", ["192.0.2.0/33", "example.com", "!192.0.2.1", 1, b"\xff", [1]])
def test_what_is_no_network_cannot_be_read(value: object) -> None:
    with pytest.raises(Unreadable, match="`allow_nets` cannot be read"):
        user_of(allow_nets=value)


@pytest.mark.parametrize("column", COLUMNS)
def test_null_in_a_column_says_nothing_and_never_helps(column: str) -> None:
    user = user_of(**{column: None})
    assert user == SqlUser(
        "" if column == "user" else "jo",
        "" if column == "password" else "{PLAIN}x",
        active=column != "active",
    )


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [object(), {"a": 1}, b"\xff\xfe", [b"\xff"]])
def test_a_value_that_makes_no_sense_is_told_of_without_showing_it(
    column: str, value: object
) -> None:
    if column == "nologin" and not isinstance(value, bytes):
        assert user_of(nologin=value).lock == ""
        return
    with pytest.raises(Unreadable, match=f"the column `{column}` cannot be read") as caught:
        user_of(**{column: value})
    assert "xff" not in str(caught.value)


@pytest.mark.parametrize("value", [12345, 1.5, True, date(2030, 1, 1), "a\0b"])
def test_a_password_that_is_no_text_is_no_password(value: object) -> None:
    with pytest.raises(Unreadable, match="`password` cannot be read"):
        user_of("PLAIN", password=value)


@pytest.mark.parametrize(
    ("stored", "scheme", "read"),
    [
        ("{PLAIN}x", "", "{PLAIN}x"),
        (b"$6$salt$hash", "", "$6$salt$hash"),
        (bytearray(b"$6$salt$hash"), "", "$6$salt$hash"),
        (memoryview(b"$6$salt$hash"), "SHA512-CRYPT", "$6$salt$hash"),
        (
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "PLAIN-MD5",
            "{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99",
        ),
        ("secret", "PLAIN", "{PLAIN}secret"),
        ("$hush", "PLAIN", "{PLAIN}$hush"),
        ("!", "CRYPT", "!"),
        ("secret", "", "secret"),
        ("", "PLAIN", ""),
    ],
)
def test_a_password_without_a_scheme_is_of_the_default_one(
    stored: object, scheme: str, read: str
) -> None:
    assert user_of(scheme, password=stored).password == read


def test_who_it_is_may_stand_in_two_columns() -> None:
    answer = Answer(("USERNAME", "Domain", "password"), (("jo", "example.com", "x"),))
    assert read_user(answer, "", UTC).name == "jo@example.com"
    answer = Answer(("username", "domain", "password"), (("jo@a.example", "a.example", "x"),))
    assert read_user(answer, "", UTC).name == "jo@a.example"
    assert not user_of(user=None, domain="example.com").name


def test_a_person_is_told_what_columns_say() -> None:
    user = user_of(
        mail="jo@example.com, j@example.com jo@example.com",
        name="Jo",
        language="de",
        administrator="Y",
        mailbox_class="limited",
        quota=5,
    )
    assert user.addresses == ("jo@example.com", "j@example.com")
    assert user.person == {
        "name": "Jo",
        "language": "de",
        "administrator": True,
        "mailbox_class": MailboxClass.LIMITED,
    }
    assert user_of(user="jo@example.com").addresses == ("jo@example.com",)
    assert user_of(addresses=["a@example.com", None]).addresses == ("a@example.com",)


@pytest.mark.parametrize(
    "column",
    ["nopassword", "proxy", "PROXY_MAYBE", "host", "delay_until", "fail", "allow_real_nets"],
)
def test_a_column_that_dovecot_would_obey_is_told_of(column: str) -> None:
    with pytest.raises(Unreadable, match="cannot be obeyed"):
        user_of(**{column: "y"})
    assert user_of(**{column: None}) == user_of()


def test_two_columns_that_say_the_same_are_ambiguous() -> None:
    with pytest.raises(Unreadable, match="two columns of the query say what `active` says"):
        user_of(active=1, enabled=1)
    answer = Answer(("user", "password", "PASSWORD"), (("jo", "a", "b"),))
    with pytest.raises(Unreadable, match="two columns"):
        read_user(answer, "", UTC)


def test_a_query_without_a_password_says_so() -> None:
    with pytest.raises(Unreadable, match="no column `password`"):
        read_user(Answer(("user",), (("jo",),)), "", UTC)


def test_no_repr_shows_a_password() -> None:
    user = user_of(password="{PLAIN}canary")
    assert "canary" not in repr(user)
    assert "canary" not in repr(Answer(("password",), (("canary",),)))


def test_it_is_said_which_columns_mean_what() -> None:
    told = understood(("USER", "password", "enabled", "maildir"))
    assert told == {"USER": "user", "password": "password", "enabled": "active", "maildir": ""}


def test_an_account_that_expires_is_good_until_then() -> None:
    user = user_of(expires=NOON)
    assert judge(user, None, NOON - timedelta(seconds=1)).code is ReturnCode.SUCCESS
    assert judge(user, None, NOON).code is ReturnCode.ACCT_EXPIRED
