"""What is only noted beside a login ends nothing that is remembered; what decides does."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.seeds import SEED
from ualauth import AccountRestricted, AuthenticationFailed, Authenticator
from ualauth.contract.credentials import NameKind
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.account.lockout import Keys, user_key
from ualauth.userlist.account.reservation import Ending
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.database.change_detector import SQLiteChangeDetector
from ualauth.userlist.database.tables import metadata
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.policy import LockoutRules
from ualauth.userlist.store import UserStore

NOTED = {
    *("sasl_passwords", "former_passwords", "login_failures", "keys", "last_logins"),
    *("sync_agreements", "sync_groups", "sync_links", "submissions"),
}
"""Tables of which nothing is remembered that a login could miss: secrets go with the record's
revision, failures are asked for by themselves, and no login asks for the last four."""
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
RULES = LockoutRules(failures=3, failure_delay=0, longest_delay=0)


@pytest.fixture
def userlist(tmp_path: Path) -> Iterator[Userlist]:
    """A USERLIST with two users."""
    new_userlist = Userlist.create(tmp_path)
    new_userlist.add("jsmith", "s3cret", addresses=("john@example.com",))
    new_userlist.add("ann", "s3cret")
    groups = new_userlist.store.groups
    for name, member in (("sales", "jsmith"), ("all", "sales")):
        new = NewGroup(name=name, or_name=usual_or_name(name), addresses=(f"{name}@example.com",))
        groups.add(new, [member])
    new_userlist.store.companies.add(NewCompany(name="ny", domains=("ny.example",)))
    yield new_userlist
    new_userlist.close()


@pytest.fixture
def other(userlist: Userlist) -> Iterator[UserStore]:
    """The same USERLIST as another program has it."""
    with UserStore(f"sqlite:///{userlist.store.backend}") as store:
        yield store


@pytest.fixture
def shell(userlist: Userlist) -> Iterator[sqlite3.Connection]:
    """The file as an administrator has it."""
    path = userlist.store.backend
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def detector(userlist: Userlist) -> Iterator[SQLiteChangeDetector]:
    """One that has looked."""
    new_detector = SQLiteChangeDetector(userlist.store.backend)
    assert new_detector.version() is not None
    yield new_detector
    new_detector.close()


def fail(store: UserStore, name: str, source: str = HERE) -> None:
    """Count a wrong guess as another process does."""
    limiter = GuessLimiter(RULES, lambda: store)
    user = store.get(name)
    guess = limiter.open(Keys.of(name, user.id), source, RULES)
    guess.reserve()
    guess.fail()


def key_of(store: UserStore, name: str) -> bytes:
    return user_key(store.get(name).id)


NEW_ROWS: dict[str, list[object]] = {
    "companies": [99, "x", "x"],
    "groups": [99, "x", "x", "x"],
    "group_users": [1, 2],
    "group_groups": [1, 2],
}
"""What the first columns of a new row hold, where no other row may have it."""

DECIDING = [
    (table, event)
    for table in sorted(set(metadata.tables) - NOTED)
    for event in ("INSERT", "UPDATE", "DELETE")
    # A user without a name is not found by any.
    if (table, event) != ("users", "INSERT")
]


@pytest.mark.parametrize(("table", "event"), DECIDING)
def test_every_change_of_what_decides_is_told_whichever_program_makes_it(
    table: str, event: str, shell: sqlite3.Connection, detector: SQLiteChangeDetector
) -> None:
    before = detector.version()
    names = [row[1] for row in shell.execute(f"PRAGMA table_info({table})")]
    if event == "INSERT":
        row = shell.execute(f"SELECT * FROM {table}").fetchone()
        values = [
            "x" if name in {"key", "name_key"} else each
            for name, each in zip(names, row, strict=True)
        ]
        values = [
            9 if name == "position" else each for name, each in zip(names, values, strict=True)
        ]
        if table == "or_names":
            values[0] = 99
        if table in NEW_ROWS:
            values[: len(NEW_ROWS[table])] = NEW_ROWS[table]
        marks = ", ".join("?" * len(values))
        shell.execute(f"INSERT INTO {table} VALUES ({marks})", values)
    elif event == "UPDATE":
        shell.execute(f"UPDATE {table} SET {names[-1]} = {names[-1]}")
    else:
        shell.execute(f"DELETE FROM {table}")
    after = detector.version()
    assert before is not None
    assert after is not None
    assert after > before


def test_what_is_noted_is_told_of_its_user_alone(
    userlist: Userlist, other: UserStore, detector: SQLiteChangeDetector
) -> None:
    before, noted = detector.version(), detector.noted
    fail(other, "ann")
    assert detector.version() == before
    assert detector.noted > noted
    assert not detector.is_unchanged(key_of(other, "ann"), noted)
    assert detector.is_unchanged(key_of(other, "jsmith"), noted)
    noted = detector.noted
    assert detector.is_unchanged(key_of(other, "ann"), noted)
    # Nothing that locks a user out came of it.
    other.forget_all_failures(other.get("ann"))
    assert detector.version() == before
    assert detector.noted == noted


@pytest.mark.parametrize("number", [150, 700])
def test_more_changes_than_are_kept_are_as_good_as_all(
    number: int, userlist: Userlist, shell: sqlite3.Connection, detector: SQLiteChangeDetector
) -> None:
    before, noted = detector.version(), detector.noted
    shell.execute("BEGIN")
    for each in range(number):
        name = each.to_bytes(16)
        shell.execute("INSERT INTO login_failures VALUES (?, 'x', '1', 0, 0)", (name,))
    shell.execute("COMMIT")
    assert detector.version() == before
    assert not detector.is_unchanged((number - 1).to_bytes(16), noted)
    known = detector.is_unchanged(key_of(userlist.store, "jsmith"), noted)
    assert known is (number < 200)
    assert shell.execute("SELECT count(*) FROM changes").fetchone()[0] <= 501


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM changes WHERE number > 0",
        "UPDATE changes SET mark = randomblob(16) WHERE number > 0",
        "UPDATE changes SET number = number + 7 WHERE number > 0",
    ],
)
def test_another_history_is_no_continuation(
    change: str,
    other: UserStore,
    shell: sqlite3.Connection,
    detector: SQLiteChangeDetector,
) -> None:
    fail(other, "ann")
    detector.version()
    noted = detector.noted
    shell.execute(change)
    fail(other, "ann")
    detector.version()
    assert not detector.is_unchanged(key_of(other, "jsmith"), noted)
    assert not detector.is_unchanged(key_of(other, "ann"), noted)


def test_without_the_mark_it_cannot_be_told(
    shell: sqlite3.Connection, detector: SQLiteChangeDetector
) -> None:
    shell.execute("DELETE FROM changes WHERE number = 0")
    assert detector.version() is None
    shell.execute("DROP TABLE changes")
    assert detector.version() is None


def test_what_was_known_by_a_detector_before_means_nothing_to_the_next(
    userlist: Userlist, detector: SQLiteChangeDetector
) -> None:
    noted, key = detector.noted, key_of(userlist.store, "jsmith")
    after = SQLiteChangeDetector(userlist.store.backend)
    after.version()
    assert not after.is_unchanged(key, noted)
    after.close()
    detector.close()
    detector.version()
    assert not detector.is_unchanged(key, noted)


def test_no_failure_of_another_process_is_missed(userlist: Userlist, other: UserStore) -> None:
    """What is held to be clear has no failure in the database, whatever happened beside it."""
    chance = random.Random(SEED)
    cache = UserCache(userlist.store)
    clear = 0
    for _ in range(300):
        name, source = chance.choice(["jsmith", "ann"]), chance.choice([HERE, ELSEWHERE])
        match chance.randrange(10):
            case 0:
                fail(other, name, source)
            case 1:
                other.forget_all_failures(other.get(name))
            case 2:
                user = other.get(name)
                other.update(user, locked=not user.locked)
            case _:
                account = cache.recall(name) or cache.read(name)
                assert account is not None
                assert account.user == other.get(name)
                keys = Keys.of(name, account.user.id)
                if cache.has_no_failures(account, name, source):
                    clear += 1
                    assert not any(
                        each.number for each in other.failures(name, account.user, source)
                    )
                else:
                    guess = cache.guesses.open(keys, source, RULES)
                    guess.look()
                    if not guess.has_failures:
                        cache.note_no_failures(account, name, source, guess.as_of)
                    guess.end(Ending.UNCHECKED)
    assert clear > 30
    cache.close()


class CountedCache(UserCache):
    """One that counts how often it reads."""

    reads = 0

    def read(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        self.reads += 1
        return super().read(name, kind)


@pytest.mark.parametrize("source", [HERE, "2001:db8::7"])
def test_a_remembered_login_reads_nothing_for_what_others_failed_at(
    tmp_path: Path, other: UserStore, source: str
) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    cheap = "argon2_passes = 1\nargon2_lanes = 1\nargon2_memory = 8"
    folder.settings(f"[password]\n{cheap}\n[lockout]\nfailures = 3\n[stack]\nfail_delay = false\n")
    with Authenticator(folder.config()) as authenticator:
        base = authenticator._base
        cache = CountedCache(base.resource(UserStore), base.config.policy, None, base._guesses)
        base._users = base.resources._open[UserCache] = cache

        def log_in() -> str:
            return authenticator.authenticate(
                "pop3", "jsmith", "s3cret", rhost=source, tls=True
            ).user

        for _ in range(3):
            log_in()
        reads = cache.reads
        for _ in range(5):
            fail(other, "ann", source)
            assert log_in() == "jsmith"
        assert cache.reads == reads
        # Failures of the user from elsewhere are looked at, and lock no user out here.
        fail(other, "jsmith", ELSEWHERE)
        assert log_in() == "jsmith"
        for _ in range(RULES.failures):
            fail(other, "jsmith", source)
        with pytest.raises(AuthenticationFailed):
            log_in()
        other.forget_all_failures(other.get("jsmith"))
        assert log_in() == "jsmith"
        reads = cache.reads
        other.update(other.get("jsmith"), locked=True)
        with pytest.raises(AccountRestricted):
            log_in()
        assert cache.reads > reads


def test_a_failure_while_the_counts_are_read_is_not_missed(
    userlist: Userlist, other: UserStore
) -> None:
    cache = UserCache(userlist.store)
    account = cache.read("jsmith")
    assert account is not None
    as_of = cache.noted()
    # Read now, and noted by a process that looks a moment later.
    fail(other, "jsmith")
    cache.noted()
    cache.note_no_failures(account, "jsmith", HERE, as_of)
    assert not cache.has_no_failures(account, "jsmith", HERE)
    cache.close()
