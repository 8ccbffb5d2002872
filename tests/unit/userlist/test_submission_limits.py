"""How much users and hosts may submit: counted for all, with a lock for who goes far beyond."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.userlist.databases import Database
from ualauth import AccountRestricted, Authenticator
from ualauth.contract.identity import Person
from ualauth.errors import ActorRefused, StoreError
from ualauth.smtp_access.decision import Reply
from ualauth.system.networks import sources_of
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.account.submitted import (
    Amount,
    Counted,
    Piece,
    Place,
    Submitted,
    Verdict,
    count,
    places_of_sources,
)
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.database.view import View
from ualauth.userlist.policy import SubmissionRules
from ualauth.userlist.store import UserStore
from ualauth.userlist.submission_limits import SubmissionLimits

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
NOW = 1_764_500_000 * 1_000_000
RULES = SubmissionRules(messages_per_hour=3, recipients_per_hour=10, lock_factor=2)
USER = Place(b"user", RULES, is_user=True)
SOURCE = Place(b"source", SubmissionRules(messages_per_hour=5, lock_factor=0), is_user=False)


# What counts


def submitted(*messages: tuple[int, int], place: Place = USER) -> tuple[list[Verdict], Submitted]:
    """Return what becomes of messages, each a time and a number of recipients."""
    row, verdicts = Submitted(), []
    for moment, recipients in messages:
        counted = count([place], [row], recipients, moment)
        verdicts.append(counted.verdict)
        row = counted.rows[0]
    return verdicts, row


YES, NO = Verdict.ACCEPTED, Verdict.TOO_MUCH_OF_USER


def test_no_hour_has_more_messages_than_the_limit() -> None:
    times = [NOW, NOW + 20 * MINUTE, NOW + 40 * MINUTE, NOW + 59 * MINUTE, NOW + 66 * MINUTE]
    assert submitted(*((time, 1) for time in times))[0] == [YES, YES, YES, NO, YES]


def test_no_hour_has_more_recipients_than_the_limit() -> None:
    verdicts, _ = submitted((NOW, 6), (NOW, 4), (NOW, 1), (NOW + 66 * MINUTE, 10))
    assert verdicts == [YES, YES, NO, YES]


def test_what_no_hour_may_have_is_refused_for_good() -> None:
    assert submitted((NOW, 11), (NOW, 10))[0] == [Verdict.TOO_LARGE, YES]


@given(
    st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(1, 6)), min_size=1, max_size=40).map(
        sorted
    )
)
def test_whatever_comes_when_no_hour_has_more(messages: list[tuple[int, int]]) -> None:
    verdicts, _ = submitted(*((NOW + moment, recipients) for moment, recipients in messages))
    accepted = [each for each, verdict in zip(messages, verdicts, strict=True) if verdict is YES]
    for begin, _ in accepted:
        within = [number for moment, number in accepted if begin <= moment < begin + HOUR]
        assert len(within) <= RULES.messages_per_hour
        assert sum(within) <= RULES.recipients_per_hour


@given(st.lists(st.integers(0, 3 * HOUR), min_size=1, max_size=40).map(sorted))
def test_a_message_is_refused_only_for_what_came_within_65_minutes(moments: list[int]) -> None:
    verdicts, _ = submitted(*((NOW + moment, 1) for moment in moments))
    accepted: list[int] = []
    for moment, verdict in zip(moments, verdicts, strict=True):
        recent = [each for each in accepted if each > moment - 65 * MINUTE]
        assert verdict is YES or len(recent) >= RULES.messages_per_hour
        if verdict is YES:
            accepted.append(moment)


def test_what_is_refused_keeps_no_user_from_submitting_later() -> None:
    refused = [(NOW + minute * MINUTE, 1) for minute in range(5, 60)]
    verdicts, _ = submitted(*[(NOW, 1)] * 3, *refused, (NOW + 66 * MINUTE, 1))
    assert verdicts[-1] is YES
    assert set(verdicts[3:-1]) == {NO}


def far(row: Submitted, recipients: int = 1) -> bool:
    return count([USER], [row], recipients, NOW).goes_far_beyond


def test_who_is_refused_twice_as_much_goes_far_beyond() -> None:
    _, row = submitted(*[(NOW, 1)] * 8)
    assert not far(row)
    _, row = submitted(*[(NOW, 1)] * 9)
    assert far(row)


def test_a_message_with_too_many_recipients_is_a_slip_and_several_are_none() -> None:
    _, row = submitted((NOW, 1000))
    assert not far(row, 1000)
    _, row = submitted(*[(NOW, 1000)] * 2)
    assert far(row, 1000)


def test_a_user_whose_limit_was_lowered_did_not_go_beyond() -> None:
    _, row = submitted(*[(NOW, 3)] * 3)
    lower = Place(b"user", SubmissionRules(messages_per_hour=1, lock_factor=1), is_user=True)
    verdict, goes_far_beyond, after = count([lower], [row], 1, NOW)
    assert (verdict, goes_far_beyond) == (NO, False)
    assert count([lower], after, 1, NOW).goes_far_beyond


def test_a_factor_of_0_locks_no_user() -> None:
    place = Place(b"", SubmissionRules(messages_per_hour=1, lock_factor=0), is_user=True)
    _, row = submitted(*[(NOW, 1)] * 50, place=place)
    assert not count([place], [row], 1, NOW).goes_far_beyond


def test_who_is_refused_for_the_source_counts_nothing_of_the_user() -> None:
    rows = [Submitted(), Submitted((Piece(NOW // (5 * MINUTE), Amount(5, 5)),))]
    verdict, goes_far_beyond, after = count([USER, SOURCE], rows, 1, NOW)
    assert (verdict, goes_far_beyond) == (Verdict.TOO_MUCH_OF_SOURCE, False)
    assert after[0] == Submitted()
    assert after[1].refused == Amount(1, 1)


def test_what_a_wrong_clock_has_counted_ends_with_the_hour() -> None:
    ahead = NOW + 1000 * HOUR
    _, row = submitted(*[(ahead, 1)] * 3)
    counted = count([USER], [row], 1, NOW)
    assert counted.verdict is NO
    assert count([USER], counted.rows, 1, NOW + 66 * MINUTE).verdict is YES


def test_a_row_stays_short() -> None:
    _, row = submitted(*((NOW + second * 1_000_000, 1) for second in range(0, 10_000, 7)))
    assert len(row.pieces) <= 13
    assert Submitted.read(str(row)) == row
    assert row.forgotten > NOW + HOUR


@pytest.mark.parametrize("text", ["x", "1", "1:2", "1:2:3:4:5:6", "1:2:3:4:x"])
def test_another_text_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|values to unpack"):
        Submitted.read(text)


def test_a_site_may_submit_four_times_as_much_as_one_of_its_networks() -> None:
    network, site = places_of_sources(sources_of("2001:db8::1"), SOURCE.rules)
    assert (network.rules.messages_per_hour, site.rules.messages_per_hour) == (5, 20)
    assert places_of_sources(sources_of("2001:db8::2"), SOURCE.rules)[0] == network
    assert places_of_sources(sources_of("::ffff:192.0.2.1"), SOURCE.rules) == places_of_sources(
        sources_of("192.0.2.1"), SOURCE.rules
    )


# In the database


def counted(store: UserStore, recipients: int = 1, now: int = NOW) -> Counted:
    return store.count_submission([USER, SOURCE], recipients, now)


def test_every_process_sees_what_is_counted(store: UserStore, database: Database) -> None:
    with database.open() as other:
        verdicts = [counted(each).verdict for each in (store, other, store, other)]
    assert verdicts == [YES, YES, YES, NO]


def test_what_counts_no_longer_is_deleted(store: UserStore, database: Database) -> None:
    for number in range(20):
        store.count_submission([Place(b"%d" % number, RULES, is_user=True)], 1, NOW)
    counted(store, now=NOW + 2 * HOUR)
    assert len(database.execute("SELECT * FROM submissions")) == 2


def test_a_company_neither_sees_nor_counts_submissions(store: UserStore) -> None:
    company = store.companies.add(NewCompany(name="ny", domains=("ny.example",)))
    with pytest.raises(ActorRefused):
        counted(store.seen_by(View.of(company.id)))


COUNTING = """
import os
import sys

from ualauth.userlist.account.submitted import Place, Verdict
from ualauth.userlist.policy import SubmissionRules
from ualauth.userlist.store import UserStore

rules = SubmissionRules(messages_per_hour=40, lock_factor=0)
places = [Place(key, rules, is_user=True) for key in (b"user", b"wide")]
with UserStore(os.environ["USERLIST"], timeout=60) as store:
    print(sum(
        store.count_submission(places, 1, int(sys.argv[1])).verdict is Verdict.ACCEPTED
        for _ in range(30)
    ))
"""


def test_processes_that_count_at_once_let_no_more_through(database: Database) -> None:
    # The clock of one of them is in another piece of the hour.
    running = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(NOW + late)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "USERLIST": database.url},
        )
        for late in (0, 0, 5 * MINUTE)
    ]
    numbers = [int(each.communicate()[0]) for each in running]
    assert sum(numbers) == 40


# With a configuration


class House:
    """A configuration folder with limits, and one user, ann."""

    def __init__(self, folder: ConfigFolder) -> None:
        self.folder = folder
        folder.settings(
            """
            [submission]
            messages_per_hour = 2
            recipients_per_hour = 20
            source_messages_per_hour = 9
            exempt_networks = ["198.51.100.0/24"]
            [sasl]
            mechanisms = ["PLAIN"]
            plaintext_without_tls = true
            [service."smtpd.auth"]
            mechanisms = ["PLAIN"]
            [password]
            argon2_passes = 1
            argon2_lanes = 1
            argon2_memory = 8
            """
        )
        for service in ("smtpd.auth", "imap"):
            folder.service(service, "auth required om_auth\naccount required om_auth")
        self.people = Userlist.create(folder.path)
        self.people.add("ann", "secret")
        self.ann = Person("ann")
        self.authenticator = Authenticator(folder.path)

    def admit(
        self, person: Person | None, source: str | None = "192.0.2.1", recipients: int = 1
    ) -> Reply | None:
        limits = self.authenticator._base.resource(SubmissionLimits)
        return limits.admit(person, source, recipients)


@pytest.fixture
def house(folder: ConfigFolder) -> Iterator[House]:
    house = House(folder)
    yield house
    house.authenticator.close()
    house.people.close()


def code(reply: Reply | None) -> int:
    return 250 if reply is None else reply.code


def test_a_user_who_submits_too_much_is_put_off(house: House) -> None:
    assert [code(house.admit(house.ann)) for _ in range(3)] == [250, 250, 450]
    assert code(house.admit(Person("elsewhere"))) == 250
    assert code(house.admit(house.ann, recipients=21)) == 550


def test_a_user_who_goes_far_beyond_is_locked_for_submission_alone(house: House) -> None:
    login = house.authenticator.authenticate
    login("smtpd.auth", "ann", "secret")
    replies = [code(house.admit(house.ann)) for _ in range(8)]
    # Twice as much is refused with the seventh, which is answered as those before.
    assert replies == [250, 250, 450, 450, 450, 450, 450, 550]
    with pytest.raises(AccountRestricted):
        login("smtpd.auth", "ann", "secret")
    assert login("imap", "ann", "secret").authid == "ann"
    user = house.people.store.get("ann")
    assert (user.locked, user.policy) == (False, '{"locked_services":["smtpd.auth"]}')


def test_a_user_of_another_system_is_counted(house: House) -> None:
    replies = [code(house.admit(Person("zoe"))) for _ in range(8)]
    assert replies == [250, 250, *[450] * 6]


def test_a_user_may_have_limits_of_their_own(house: House) -> None:
    house.people.store.update(house.people.store.get("ann"), policy='{"messages_per_hour":0}')
    assert [code(house.admit(house.ann, None)) for _ in range(5)] == [250] * 5
    house.people.store.update(house.people.store.get("ann"), policy='{"messages_per_hour":1}')
    assert code(house.admit(house.ann, None)) == 450


def test_clients_of_a_source_are_counted_together(house: House) -> None:
    assert [code(house.admit(None)) for _ in range(10)] == [250] * 9 + [450]
    assert code(house.admit(None, "192.0.2.2")) == 250
    # This host, and networks that are exempt, are no source.
    assert [code(house.admit(None, None)) for _ in range(12)] == [250] * 12
    assert [code(house.admit(None, "198.51.100.9")) for _ in range(12)] == [250] * 12


def test_a_client_of_whom_nothing_is_known_is_counted(house: House) -> None:
    assert [code(house.admit(None, "")) for _ in range(10)] == [250] * 9 + [450]


def test_what_cannot_be_counted_is_an_error(house: House) -> None:
    house.folder.settings("[submission]\nmessages_per_hour = 2\n")
    with Authenticator(house.folder.path) as other:
        (house.folder.path / "userlist.db").unlink()
        limits = other._base.resource(SubmissionLimits)
        with pytest.raises(StoreError, match="no USERLIST to count in"):
            limits.admit(house.ann, None, 1)


def test_without_limits_no_userlist_is_needed(folder: ConfigFolder) -> None:
    with Authenticator(folder.path) as authenticator:
        limits = authenticator._base.resource(SubmissionLimits)
        assert limits.admit(Person("ann"), "192.0.2.1", 100) is None


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("messages_per_hour = -1", "messages_per_hour must be from 0 to 1000000000"),
        ("source_recipients_per_hour = -1", "source_recipients_per_hour must be from 0 to"),
        ("lock_factor = -1", "lock_factor must be from 0 to 1000"),
        ("exempt_networks = ['x']", "exempt_networks: 'x' is no address and no network"),
    ],
)
def test_a_mistake_in_the_settings_is_named(folder: ConfigFolder, line: str, mistake: str) -> None:
    folder.settings(f"[submission]\n{line}\n")
    with pytest.raises(Exception, match=mistake):
        Authenticator(folder.path)
