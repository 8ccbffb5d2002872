"""What some records amount to: counts that stay small, and hints by stated rules."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ualauth.audit_log import summary as summaries
from ualauth.audit_log.record import Logged
from ualauth.audit_log.summary import (
    MANY_NAMES,
    MANY_SOURCES,
    SOME,
    Summary,
    Tally,
    Together,
)


def logged(
    name: str = "jsmith",
    source: str = "192.0.2.7",
    outcome: str = "refused",
    reason: str | None = "wrong_password",
    service: str = "imap",
) -> Logged:
    values = {"service": service, "reason": reason, "login_name": name, "rhost": source}
    return Logged(1000.0, outcome, {**values, "entry": "imap:1"})


def hints(records: Iterable[Logged]) -> list[str]:
    summary = Summary()
    for each in records:
        summary.add(each)
    return [each.kind for each in summary.hints()]


def granted(number: int) -> list[Logged]:
    return [logged(f"user-{each}", outcome="granted", reason=None) for each in range(number)]


def test_many_names_from_one_source_look_like_an_attack() -> None:
    few = [logged(f"user-{each}") for each in range(MANY_NAMES - 1)]
    assert hints(few) == []
    assert hints([*few, logged("one more", reason="user_unknown")]) == ["attack"]


def test_addresses_of_one_network_of_ipv6_are_one_source() -> None:
    records = [logged(f"user-{each}", f"2001:db8::{each + 1:x}") for each in range(MANY_NAMES)]
    assert hints(records) == ["attack"]


def test_many_sources_of_one_name_look_like_an_attack() -> None:
    few = [logged(source=f"198.51.100.{each}") for each in range(MANY_SOURCES - 1)]
    assert hints(few) == []
    assert hints([*few, logged(source="203.0.113.1")]) == ["attack"]


def test_one_name_from_one_source_looks_like_a_typo() -> None:
    assert hints([logged()] * (SOME - 1)) == []
    assert hints([logged()] * SOME) == ["typo"]
    # Not with others from there, or from elsewhere.
    assert hints([*[logged()] * SOME, logged("other")]) == []
    assert hints([*[logged()] * SOME, logged(source="203.0.113.1")]) == []


@pytest.mark.parametrize(
    "reason", ["locked", "mechanism_not_offered", "malformed", "password_expired", "listed"]
)
def test_what_is_no_guess_is_no_attack(reason: str) -> None:
    outcome = "restricted" if reason in {"locked", "listed"} else "refused"
    assert hints(logged(f"u{each}", outcome=outcome, reason=reason) for each in range(50)) == []


def test_logins_that_could_not_be_checked_look_like_an_outage() -> None:
    down = [
        logged(f"user-{each}", outcome="unavailable", reason="directory_unavailable")
        for each in range(SOME)
    ]
    assert hints(down) == ["outage"]
    assert hints(down[1:]) == []
    assert hints([*down, *granted(SOME)]) == ["outage"]
    # Most are checked: it is no outage of all.
    assert hints([*down, *granted(SOME + 1)]) == []


def test_an_outage_names_its_reason_and_entry_and_is_no_attack() -> None:
    summary = Summary()
    for each in range(100):
        summary.add(logged(f"u{each}", outcome="unavailable", reason="directory_unavailable"))
    (hint,) = summary.hints()
    assert hint.text.startswith(
        "imap: 100 of 100 could not be checked: directory_unavailable by imap:1;"
    )


MOST = 300


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fewer be counted."""
    monkeypatch.setattr(summaries, "MOST_COUNTED", MOST)


@pytest.mark.usefixtures("few")
def test_counts_of_all_that_strangers_make_up_stay_few() -> None:
    summary = Summary()
    for number in range(3 * MOST):
        summary.add(logged(f"made-up-{number}", f"203.0.113.{number % 250}"))
        summary.add(logged("jsmith", f"2001:db8:{number:x}::1"))
    assert all(len(each) <= MOST for each in summary.tallies.values())
    for together in (summary._names_of, summary._sources_of):
        counted = dict(together.items())
        assert len(counted) <= MOST
        assert all(len(each) <= 100 for each in counted.values())
    assert summary.records == 6 * MOST
    assert summary.tallies["name"].most_common(1) == [("jsmith", 3 * MOST)]
    assert not summary.tallies["name"].is_whole
    assert "attack" in {each.kind for each in summary.hints()}


@pytest.mark.usefixtures("few")
def test_a_tally_keeps_those_that_came_most() -> None:
    tally = Tally()
    for number in range(2 * MOST):
        tally.add("often")
        tally.add(f"once {number}")
    assert tally["often"] == 2 * MOST
    assert len(tally) <= MOST


@pytest.mark.usefixtures("few")
def test_what_came_together_is_given_up_for_the_least() -> None:
    together = Together()
    for number in range(50):
        together.add("source", f"name {number}")
    for number in range(2 * MOST):
        together.add(f"other {number}", "name")
    assert len(together.of("source")) == 50
    assert sum(1 for _ in together.items()) <= MOST
