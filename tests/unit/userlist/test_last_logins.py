"""The last login: noted once an hour a user, off the way of the login, which it never fails."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.userlist.databases import Database, SQLiteDatabase
from ualauth import AccountRestricted, AuthenticationFailed, Authenticator
from ualauth.codes import ReturnCode
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist import noted_logins
from ualauth.userlist.database.change_detector import SQLiteChangeDetector
from ualauth.userlist.last_logins import EVERY, LastLogins
from ualauth.userlist.names import ORName
from ualauth.userlist.record import LastLogin, NewUser, User
from ualauth.userlist.store import UserStore

HOUR = timedelta(hours=1)
CHEAP = "[password]\nargon2_passes = 1\nargon2_lanes = 1\nargon2_memory = 8\n"
STACK = "auth required om_auth\naccount required om_auth\n"


@pytest.fixture
def folder(tmp_path: Path, database: Database) -> ConfigFolder:
    """A folder whose USERLIST is of one kind after the other."""
    folder = ConfigFolder(tmp_path)
    folder.settings(f'[userlist]\nurl = "{database.url}"\n\n{CHEAP}')
    folder.service("pop3", STACK)
    folder.service("imap", STACK)
    return folder


@pytest.fixture
def user(store: UserStore) -> User:
    hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
    name = ORName("Smith", "John")
    return store.add(NewUser(name=name, authid="jsmith", password=hasher.hash("s3cret")))


@pytest.fixture
def userlist(tmp_path: Path) -> Iterator[Userlist]:
    userlist = Userlist.create(tmp_path)
    yield userlist
    userlist.close()


@pytest.fixture
def moment() -> datetime:
    return datetime.now(UTC)


def log_in(folder: ConfigFolder, name: str = "jsmith", service: str = "pop3") -> None:
    """Log in as a process of its own does, which waits for what it notes when it ends."""
    with Authenticator(folder.config()) as authenticator:
        authenticator.authenticate(service, name, "s3cret", rhost="192.0.2.7", tls=True)


def test_a_login_is_noted_with_its_service_and_source(
    folder: ConfigFolder, store: UserStore, user: User, moment: datetime
) -> None:
    assert store.last_login(user) is None
    log_in(folder, "John Smith")
    noted = store.last_login(user)
    assert noted is not None
    assert moment <= noted.time <= datetime.now(UTC)
    assert (noted.service, noted.source) == ("pop3", "192.0.2.7")
    # The record stays what an administrator has read.
    assert store.get("jsmith") == user


def test_within_an_hour_nothing_is_written_by_any_process(
    folder: ConfigFolder, store: UserStore, user: User
) -> None:
    log_in(folder)
    noted = store.last_login(user)
    log_in(folder, service="imap")
    assert store.last_login(user) == noted


def test_after_an_hour_it_is_noted_again(
    folder: ConfigFolder, store: UserStore, user: User, moment: datetime
) -> None:
    store.note_logins({user.id: LastLogin(moment - HOUR, "imap", "")}, EVERY)
    log_in(folder)
    noted = store.last_login(user)
    assert noted is not None
    assert noted.time >= moment


def test_one_of_a_time_to_come_does_not_stay_until_then(
    folder: ConfigFolder, store: UserStore, user: User, moment: datetime
) -> None:
    store.note_logins({user.id: LastLogin(moment + 30 * HOUR, "imap", "")}, EVERY)
    log_in(folder)
    noted = store.last_login(user)
    assert noted is not None
    assert noted.service == "pop3"


def test_of_two_processes_that_have_both_seen_none_one_writes(
    store: UserStore, user: User, moment: datetime
) -> None:
    """The second has looked before the first one wrote: the database decides."""
    first, second = LastLogin(moment, "pop3", ""), LastLogin(moment + HOUR / 2, "imap", "")
    store.note_logins({user.id: first}, EVERY)
    store._database.write(
        lambda connection: noted_logins.note(connection, {user.id: second}, EVERY)
    )
    assert store.last_login(user) == first


def test_a_user_who_was_deleted_meanwhile_hinders_no_other(
    store: UserStore, user: User, moment: datetime
) -> None:
    login = LastLogin(moment, "pop3", "")
    gone = store.add(NewUser(name=ORName("Gone"), authid="gone"))
    store.delete(gone)
    store.note_logins({gone.id: login, user.id: login}, EVERY)
    assert store.last_login(user) == login
    assert store.last_login(gone) is None
    store.delete(user)
    assert store.last_login(user) is None


def test_more_logins_than_are_asked_about_at_a_time(store: UserStore, moment: datetime) -> None:
    users = [store.add(NewUser(name=ORName(f"S{n}"), authid=f"u{n}")) for n in range(3)]
    logins = {number: LastLogin(moment, "pop3", "") for number in range(1, 1102)}
    store.note_logins(logins, EVERY)
    assert all(store.last_login(each) for each in users)


def test_who_is_not_let_in_has_not_logged_in(
    folder: ConfigFolder, store: UserStore, user: User
) -> None:
    folder.service("pop3", f"{STACK}account required pam_deny\n")
    with pytest.raises(AccountRestricted):
        log_in(folder)
    with Authenticator(folder.config()) as authenticator:
        with pytest.raises(AuthenticationFailed):
            authenticator.authenticate("imap", "jsmith", "wrong", tls=True)
        with authenticator.transaction("imap", "jsmith") as transaction:
            assert transaction.acct_mgmt() is ReturnCode.SUCCESS
    assert store.last_login(user) is None


def test_a_transaction_of_operations_is_a_login_too(
    folder: ConfigFolder, store: UserStore, user: User
) -> None:
    with (
        Authenticator(folder.config()) as authenticator,
        authenticator.transaction(
            "imap", "jsmith", conversation=lambda messages: ["s3cret" for _ in messages]
        ) as transaction,
    ):
        assert transaction.authenticate() is ReturnCode.SUCCESS
        assert transaction.acct_mgmt() is ReturnCode.SUCCESS
    noted = store.last_login(user)
    assert noted is not None
    assert (noted.service, noted.source) == ("imap", "")


def test_a_sasl_exchange_is_a_login_of_who_proved_it_and_of_no_other(
    folder: ConfigFolder, store: UserStore, user: User
) -> None:
    other = store.add(NewUser(name=ORName("Ann"), authid="ann"))
    folder.settings(
        (folder.path / "ualauth.toml").read_text() + '\n[authorization]\nrules = ["jsmith: ann"]\n'
    )
    with Authenticator(folder.config()) as authenticator:
        exchange = authenticator.sasl("pop3", "PLAIN", tls=True, rhost="192.0.2.7")
        exchange.step(b"ann\0jsmith\0s3cret")
        assert exchange.done
        assert exchange.identity.user == "ann"
    noted = store.last_login(user)
    assert noted is not None
    assert (noted.service, noted.source) == ("pop3", "192.0.2.7")
    assert store.last_login(other) is None


class Recorder:
    """A store that remembers what it is to note."""

    def __init__(self) -> None:
        self.noted: list[LastLogin] = []

    def note_logins(self, logins: Mapping[int, LastLogin], _every: timedelta) -> None:
        self.noted += logins.values()


def test_what_a_database_cannot_keep_of_a_source_is_replaced(userlist: Userlist) -> None:
    userlist.add("jsmith")
    account, store = userlist.cache.read("jsmith"), Recorder()
    logins = LastLogins(store)
    logins.note(account, "pop3", f"a\0\udcff{'x' * 999}")
    logins.close()
    (login,) = store.noted
    assert login.source == "a??" + "x" * 252


def test_a_child_notes_what_its_own_users_do(
    folder: ConfigFolder, store: UserStore, user: User
) -> None:
    with Authenticator(folder.config()) as authenticator:
        authenticator.authenticate("pop3", "jsmith", "s3cret", tls=True)
        other = store.add(NewUser(name=ORName("Ann"), authid="ann", password=user.password))
        if (child := os.fork()) == 0:
            try:
                authenticator.authenticate("imap", "ann", "s3cret", tls=True)
                authenticator.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    assert [login and login.service for login in map(store.last_login, (user, other))] == [
        "pop3",
        "imap",
    ]


# Where the USERLIST takes no changes


@pytest.fixture
def file(sqlite_database: SQLiteDatabase) -> ConfigFolder:
    """A folder whose USERLIST is a file, with a user in it."""
    hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
    with sqlite_database.open() as store:
        store.add(NewUser(name=ORName("S"), authid="jsmith", password=hasher.hash("s3cret")))
    folder = ConfigFolder(sqlite_database.path.parent)
    folder.settings("[userlist]\ntimeout = 0.1\n\n[lockout]\nfailures = 0\n\n" + CHEAP)
    folder.service("pop3", STACK)
    return folder


def test_a_login_goes_on_where_it_cannot_be_noted(
    file: ConfigFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "ualauth.userlist")
    with closing(sqlite3.connect(file.path / "userlist.db", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        log_in(file)
    (record,) = (each for each in caplog.records if each.name == "ualauth.userlist")
    assert "last logins are not noted" in record.message
    assert "is locked by another program" in record.message


def test_what_is_remembered_stays_when_a_login_is_noted(file: ConfigFolder) -> None:
    path = file.path / "userlist.db"
    # The first login adds secrets, which is a change of the record.
    log_in(file)
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        assert shell.execute("DELETE FROM last_logins").rowcount == 1
    detector = SQLiteChangeDetector(str(path))
    before, noted = detector.version(), detector.noted
    log_in(file)
    assert (detector.version(), detector.noted) == (before, noted)
    detector.close()
    with closing(sqlite3.connect(path)) as shell:
        assert shell.execute("SELECT count(*) FROM last_logins").fetchone() == (1,)
