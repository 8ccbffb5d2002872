"""Hours of the week: what they mean, and what is no such text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.userlist.hours import DAYS, is_within, read_hours

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
MINUTES = 24 * 60


def moment(text: str) -> datetime:
    """Return a moment of the week of 1 January 2024, like `We 08:00`."""
    day, time = text.split()
    hour, minute = map(int, time.split(":"))
    return MONDAY + timedelta(days=DAYS.index(day.lower()), hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("Mo-Fr 08:00-18:00", ["Mo 08:00", "Fr 17:59"], ["Mo 07:59", "Fr 18:00", "Sa 12:00"]),
        ("Mo 00:00-24:00", ["Mo 00:00", "Mo 23:59"], ["Su 23:59", "Tu 00:00"]),
        ("Fr 22:00-06:00", ["Fr 22:00", "Sa 05:59"], ["Fr 05:00", "Sa 06:00", "Sa 22:00"]),
        ("Su 22:00-06:00", ["Su 23:00", "Mo 05:59"], ["Mo 06:00", "Su 05:00", "Su 21:59"]),
        ("Sa-Mo 10:00-11:00", ["Sa 10:30", "Su 10:30", "Mo 10:30"], ["Tu 10:30", "Fr 10:30"]),
        ("mo,WE 9:00-9:01", ["Mo 09:00", "We 09:00"], ["Tu 09:00", "Mo 09:01"]),
        ("Mo-Su 12:00-11:00", ["Mo 12:00", "We 10:59"], ["Mo 11:00", "Su 11:30"]),
        ("Tu,Th-Sa 00:00-24:00", ["Tu 00:00", "Sa 23:59"], ["We 12:00", "Su 00:00"]),
        ("We 24:00-06:00", ["Th 00:00", "Th 05:59"], ["We 23:59", "We 03:00"]),
    ],
)
def test_a_moment_is_inside_or_not(text: str, inside: list[str], outside: list[str]) -> None:
    spans = read_hours(text)
    assert [each for each in inside if not is_within(spans, moment(each))] == []
    assert [each for each in outside if is_within(spans, moment(each))] == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "Mo", "08:00-18:00", "Mo 08:00", "Mo 08-18", "Mo 8:0-18:00", "Mo 08:00-08:00"),
        *("Mo 24:01-25:00", "Mo 08:60-09:00", "Mo 08:00-24:01", "Mon 08:00-09:00", "M 08:00-09:00"),
        *("Mo- 08:00-09:00", "-Mo 08:00-09:00", "Mo, 08:00-09:00", "Mo-We-Fr 08:00-09:00"),
        *("Mo 08:00-18:00 x", "Mo ٠٨:00-18:00", "Mo 108:00-18:00", "Mo 00:00-00:00"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not like Mo-Fr 08:00-18:00"):
        read_hours(text)


def test_no_hours_have_no_moment() -> None:
    assert not is_within((), MONDAY)


@given(
    st.sets(st.sampled_from(range(7)), min_size=1),
    st.integers(0, MINUTES - 1),
    st.integers(1, MINUTES),
    st.integers(0, 7 * MINUTES - 1),
)
def test_every_minute_is_as_counting_says(
    days: set[int], start: int, length: int, minute: int
) -> None:
    end = (start + length) % MINUTES
    if start + length == MINUTES or (end == start and start == 0):
        end = MINUTES
    if end == start:
        return
    names = ",".join(DAYS[day] for day in sorted(days))
    text = f"{names} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    expected = any(
        (minute - day * MINUTES - start) % (7 * MINUTES) < ((end - start) % MINUTES or MINUTES)
        for day in days
    )
    assert is_within(read_hours(text), MONDAY + timedelta(minutes=minute)) is expected
