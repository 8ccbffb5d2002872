"""Every condition, its negation and its edges, and what is said about wrong ones."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machine import patience
from ualauth.conditions.condition import WORDS, Condition, Facts, Need, read_condition
from ualauth.conditions.matching import ConditionError
from ualauth.contract.options import describe
from ualauth.modules.pam_if import Options
from ualauth.userlist.names import ORName
from ualauth.userlist.record import User

# A Thursday.
NOON = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
RECORD = User(
    name=ORName(surname="Smith", ou1="NY", ou2="HQ"),
    authid="jsmith",
    addresses=("John@Example.com", "js@sales.example.org"),
    administrator=True,
    id=1,
    revision=1,
    created=NOON,
    changed=NOON,
)


def facts(**known: Any) -> Facts:
    """Return what is known of a login, nothing by default."""
    blank: dict[str, Any] = {
        "service": "pop3",
        "rhost": None,
        "tls": False,
        "mechanism": None,
        "moment": NOON,
    }
    return Facts(**blank | known)


def holds(text: str, **known: Any) -> bool:
    """Return whether a condition holds, after looking at its negation, too."""
    _, condition = read_condition(text)
    _, negation = read_condition(f"!{text}")
    said = condition.holds(facts(**known))
    assert negation.holds(facts(**known)) is not said
    return said


def at(clock: str, zone: str = "UTC", day: int = 29) -> datetime:
    """Return a moment of February 2024."""
    return datetime.fromisoformat(f"2024-02-{day:02}T{clock}").replace(tzinfo=ZoneInfo(zone))


# The login


def test_tls_is_what_the_application_says() -> None:
    assert holds("tls", tls=True)
    assert not holds("tls", tls=False)


@pytest.mark.parametrize(
    ("text", "mechanism", "expected"),
    [
        ("mechanism=PLAIN", "PLAIN", True),
        ("mechanism=plain", "PLAIN", True),
        ("mechanism=SCRAM-*,PLAIN", "SCRAM-SHA-256", True),
        ("mechanism=SCRAM-*,PLAIN", "XSCRAM-SHA-256", False),
        ("mechanism=*", "", True),
        ("mechanism=*", None, False),
    ],
)
def test_mechanism(text: str, mechanism: str | None, expected: bool) -> None:
    assert holds(text, mechanism=mechanism) is expected


def test_service_is_the_one_that_was_asked_for() -> None:
    assert holds("service=imap,pop*")
    assert not holds("service=op3")


@pytest.mark.parametrize(
    ("text", "rhost", "expected"),
    [
        ("rhost=192.0.2.0/24", "192.0.2.0", True),
        ("rhost=192.0.2.0/24", "192.0.2.255", True),
        ("rhost=192.0.2.0/24", "192.0.3.0", False),
        ("rhost=192.0.2.0/24", "192.0.1.255", False),
        ("rhost=192.0.2.7", "192.0.2.7", True),
        ("rhost=192.0.2.7", "192.0.2.8", False),
        ("rhost=192.0.2.7/32,2001:db8::/32", "2001:db8:ffff::1", True),
        ("rhost=192.0.2.7/32,2001:db8::/32", "2001:db9::", False),
        ("rhost=192.0.2.7/32,2001:DB8::/32", "2001:DB8::1", True),
        # An IPv4-mapped address is the IPv4 address, on either side.
        ("rhost=192.0.2.0/24", "::ffff:192.0.2.7", True),
        ("rhost=::ffff:192.0.2.0/120", "192.0.2.7", True),
        ("rhost=::ffff:192.0.2.0/120", "192.0.3.7", False),
        ("rhost=::ffff:192.0.2.7", "::ffff:c000:207", True),
        ("rhost=::ffff:0:0/96", "192.0.2.7", True),
        ("rhost=::/0", "::ffff:192.0.2.7", False),
        ("rhost=::/0", "::1", True),
        ("rhost=0.0.0.0/0", "255.255.255.255", True),
        ("rhost=0.0.0.0/0", "::1", False),
        # A scope does not count.
        ("rhost=fe80::/10", "fe80::1%eth0", True),
        ("rhost=fe80::1", "fe80::1%2", True),
        ("rhost=fe80::2", "fe80::1%2", False),
        # What is no address is nowhere.
        ("rhost=0.0.0.0/0,::/0", "localhost", False),
        ("rhost=0.0.0.0/0,::/0", "192.0.2.7.example.com", False),
        ("rhost=0.0.0.0/0,::/0", "192.0.2", False),
        ("rhost=0.0.0.0/0,::/0", "192.0.2.07", False),
        ("rhost=0.0.0.0/0,::/0", "[::1]", False),
        ("rhost=0.0.0.0/0,::/0", "3221226003", False),
        ("rhost=0.0.0.0/0,::/0", "192.0.2.7\x00", False),
        ("rhost=0.0.0.0/0,::/0", "\udcff", False),
        ("rhost=0.0.0.0/0,::/0", "", False),
        ("rhost=0.0.0.0/0,::/0", None, False),
    ],
)
def test_rhost(text: str, rhost: str | None, expected: bool) -> None:
    assert holds(text, rhost=rhost) is expected


# Time


@pytest.mark.parametrize(
    ("text", "clock", "expected"),
    [
        ("hour=8-18", "07:59:59.999999", False),
        ("hour=8-18", "08:00", True),
        ("hour=8-18", "17:59:59.999999", True),
        ("hour=8-18", "18:00", False),
        ("hour=8:30-9:15", "08:29", False),
        ("hour=8:30-9:15", "08:30", True),
        ("hour=8:30-9:15", "09:14", True),
        ("hour=8:30-9:15", "09:15", False),
        ("hour=18-8", "17:59", False),
        ("hour=18-8", "18:00", True),
        ("hour=18-8", "23:59", True),
        ("hour=18-8", "00:00", True),
        ("hour=18-8", "07:59", True),
        ("hour=18-8", "08:00", False),
        ("hour=0-24", "00:00", True),
        ("hour=0-24", "23:59:59", True),
        ("hour=22-24", "23:59", True),
        ("hour=22-24", "00:00", False),
        ("hour=22-0", "23:59", True),
        ("hour=22-0", "00:00", False),
        ("hour=8-12,13-17", "11:59", True),
        ("hour=8-12,13-17", "12:30", False),
        ("hour=8-12,13-17", "13:00", True),
        ("hour=08:00-09:00", "08:00", True),
    ],
)
def test_hour(text: str, clock: str, expected: bool) -> None:
    assert holds(text, moment=at(clock)) is expected


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("weekday=Mo", "0"),
        ("weekday=Mo-Fr", "01234"),
        ("weekday=Fr-Mo", "0456"),
        ("weekday=Su-Mo", "06"),
        ("weekday=Mo-Mo", "0"),
        ("weekday=Tu-Mo", "0123456"),
        ("weekday=sa,SU", "56"),
        ("weekday=Mon,Wednesday-thu", "023"),
    ],
)
def test_weekday(text: str, days: str) -> None:
    # The 5th of February 2024 was a Monday.
    matching = [day for day in range(7) if holds(text, moment=at("12:00", day=5 + day))]
    assert matching == [int(day) for day in days]


@pytest.mark.parametrize(
    ("utc", "hour", "expected"),
    [
        # In Berlin, 2024-03-31 has no 02:30, and 2024-10-27 has it twice.
        ("2024-03-31T00:59", "1-2", True),
        ("2024-03-31T01:00", "2-3", False),
        ("2024-03-31T01:00", "3-4", True),
        ("2024-10-27T00:30", "2-3", True),
        ("2024-10-27T01:30", "2-3", True),
        ("2024-10-27T02:00", "2-3", False),
        ("2024-10-27T02:00", "3-4", True),
    ],
)
def test_hours_are_those_of_the_clocks_on_the_wall(utc: str, hour: str, expected: bool) -> None:
    moment = datetime.fromisoformat(utc).replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
    assert holds(f"hour={hour}", moment=moment) is expected


# The user


@pytest.mark.parametrize(
    ("text", "user", "expected"),
    [
        ("user=jsmith", "jsmith", True),
        ("user=JSmith", "jsmith", True),
        ("user=jsmith", "JSMITH", True),
        ("user=jsmith", "jsmith2", False),
        ("user=jsmith", "xjsmith", False),
        ("user=jsmith, ann*", "anna", True),
        ("user=jsmith,ann*", "joann", False),
        ("user=j?mith", "jsmith", True),
        ("user=j?mith", "jmith", False),
        ("user=[a-k]smith", "JSMITH", True),
        ("user=[!a-k]smith", "jsmith", False),
        ("user=straße", "STRASSE", True),
        ("user=a.b", "axb", False),
        ("user=a*", "a\nb", True),
        ("user=jsmith", "jsmith\n", True),
        ("user=*", "", True),
        ("user=?*", "", False),
        ("user=a[b", "a[b", True),
    ],
)
def test_user(text: str, user: str, expected: bool) -> None:
    assert holds(text, user=user) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("authid=jsmith", True),
        ("authid=J*", True),
        ("authid=other", False),
        ("domain=example.com", True),
        ("domain=EXAMPLE.COM", True),
        ("domain=*.example.org", True),
        ("domain=example.org", False),
        ("domain=ample.com", False),
        ("mail_node=ny", True),
        ("mail_node=ny,hq", True),
        ("mail_node=NY, Hq", True),
        ("mail_node=sf/ny", True),
        ("mail_node=ny,hq,floor", False),
        ("mail_node=hq", False),
        ("mail_node=n", False),
        ("administrator", True),
    ],
)
def test_what_the_userlist_has(text: str, expected: bool) -> None:
    assert holds(text, user="jsmith", record=RECORD) is expected


@pytest.mark.parametrize("text", ["authid=*", "domain=*", "mail_node=ny", "administrator"])
def test_nothing_holds_of_an_unknown_user(text: str) -> None:
    assert not holds(text, user="nobody", record=None)


def test_the_name_of_an_unknown_user_may_have_a_domain() -> None:
    assert holds("domain=example.net", user="x@Example.net")
    assert holds("domain=b", user="x@a@b")
    assert not holds("domain=a", user="x@a@b")


def test_an_escaped_separator_belongs_to_its_mail_node() -> None:
    _, condition = read_condition(r"mail_node=a\/b\,c/d")
    for units, expected in ((("A/B,C",), True), (("d", "e"), True), (("a",), False)):
        name = ORName("x", **dict(zip(("ou1", "ou2"), units, strict=False)))
        record = User(name=name, authid="x", id=1, revision=1, created=NOON, changed=NOON)
        assert condition.holds(facts(record=record)) is expected


# What is wrong


@pytest.mark.parametrize(
    ("text", "problem", "cure"),
    [
        ("usr=x", "unknown condition 'usr'", "did you mean 'user'?"),
        ("user!=x", "unknown condition 'user!'", "write the ! before the word: !user"),
        ("!!tls", "unknown condition '!tls'", "did you mean 'tls'?"),
        ("", "unknown condition ''", f"use one of {', '.join(WORDS)}"),
        ("user", "condition 'user' needs a value", "write user=NAME,..."),
        ("user=", "condition 'user' needs a value", "write user=NAME,..."),
        ("tls=yes", "condition 'tls' takes no value", "write tls or !tls"),
        ("administrator=", "condition 'administrator' takes no value", "write administrator or"),
        ("user=a,,b", "condition 'user' has an empty item", "remove the ','"),
        ("user=a,", "condition 'user' has an empty item", "remove the ','"),
        ("mail_node=/ny", "condition 'mail_node' has an empty item", "remove the '/'"),
        ("rhost=192.0.2", "'192.0.2' is no address and no network", "write rhost=NETWORK"),
        ("rhost=host", "'host' is no address and no network", "write rhost=NETWORK"),
        ("rhost=192.0.2.0/33", "'192.0.2.0/33' is no address", "write rhost=NETWORK"),
        ("rhost=192.0.2.0/", "has no number of bits after the slash", "write rhost"),
        ("rhost=192.0.2.0/255.255.255.0", "has no number of bits", "write rhost"),
        ("rhost=192.0.2.0/0.0.0.255", "has no number of bits", "write rhost"),
        ("rhost=192.0.2.7/24", "its network: write 192.0.2.0/24", "write rhost"),
        ("rhost=fe80::1%eth0", "has a scope", "write rhost"),
        ("rhost=10.0.0.1/\u0663", "no address and no network", "write rhost"),
        ("hour=8", "'8' is no range of hours", "write hour=FROM-TO"),
        ("hour=8-8", "'8-8' ends where it begins; the whole day is 0-24", "write hour"),
        ("hour=24-8", "'24-8' is no range of hours", "write hour"),
        ("hour=8-25", "'8-25' is no range of hours", "write hour"),
        ("hour=8-24:01", "'8-24:01' is no range of hours", "write hour"),
        ("hour=8:60-9", "'8:60-9' is no range of hours", "write hour"),
        ("hour=8-9:60", "'8-9:60' is no range of hours", "write hour"),
        ("hour=8:5-9", "'8:5-9' is no range of hours", "write hour"),
        ("hour=-1-9", "'-1-9' is no range of hours", "write hour"),
        ("hour=\u0663-9", "is no range of hours", "write hour"),
        ("weekday=Xx", "'Xx' is no day of the week", "write weekday=FROM-TO"),
        ("weekday=Mo-", "'' is no day of the week", "write weekday"),
        ("weekday=Mo-Tu-We", "'Tu-We' is no day of the week", "write weekday"),
        ("weekday=M", "'M' is no day of the week", "write weekday"),
        ("mail_node=a,b,c,d,e", "'a,b,c,d,e' is no mail node", "write mail_node=NODE"),
        ("mail_node=a,,b", "'a,,b' is no mail node", "write mail_node=NODE"),
        ("mail_node=CN=x", "'CN=x' is no mail node", "write mail_node=NODE"),
        ("mail_node=a\\", "'a\\\\' is no mail node", "write mail_node=NODE"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_cure(text: str, problem: str, cure: str) -> None:
    with pytest.raises(ConditionError) as caught:
        read_condition(text)
    assert problem in str(caught.value)
    assert caught.value.cure.startswith(cure)


@pytest.mark.slow
@given(st.one_of(st.text(max_size=40), st.builds("{}={}".format, st.sampled_from([*WORDS]),
                                                 st.text(max_size=20))))  # fmt: skip
def test_any_text_is_a_condition_or_an_error(text: str) -> None:
    try:
        word, condition = read_condition(text)
    except ConditionError:
        return
    assert word in WORDS
    assert str(condition) == text
    assert isinstance(condition.holds(facts(user="jsmith", record=RECORD)), bool)


def test_patterns_are_matched_in_linear_time() -> None:
    _, condition = read_condition("user=" + "*a" * 25 + "*b")
    started = time.process_time()
    assert not condition.holds(facts(user="a" * 2000))
    # Backtracking into each star would take longer than the universe is old.
    assert time.process_time() - started < patience(5)


def test_the_words_are_the_options_in_the_same_order() -> None:
    options = [option.usage for option in describe(Options)]
    assert options == [*(row.usage for row in WORDS.values()), "zone=NAME", "stack=SERVICE"]


def test_what_is_dearer_comes_later() -> None:
    needs = [row.need for row in WORDS.values()]
    assert needs == sorted(needs)
    assert set(needs) == set(Need)


def test_a_condition_shows_as_it_was_written() -> None:
    condition: Condition = read_condition("!user=Ann, bob")[1]
    assert str(condition) == "!user=Ann, bob"
