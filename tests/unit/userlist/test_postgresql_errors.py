"""Servers that cannot be used: errors say which one, and the cure; none is waited for long."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.machine import patience
from tests.postgresql import PASSWORD, Server, running
from tests.standing_still import stand_still
from tests.unit.userlist.databases import PostgreSQLDatabase
from tests.unit.userlist.test_user_faults import NOW, USER, assert_refused, every_use
from ualauth.errors import ConfigurationError, NameTaken, StoreError
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore


@pytest.fixture
def store(postgresql_database: PostgreSQLDatabase) -> Iterator[UserStore]:
    with postgresql_database.open(timeout=5) as store:
        yield store


@pytest.fixture
def user(store: UserStore) -> User:
    return store.add(USER)


@pytest.fixture
def own(userlist_template: str) -> Iterator[Server]:
    """Return a server that the test may stop."""
    with running() as server:
        server.create("mail")
        with UserStore(server.url("mail")) as store:
            store.create()
            store.add(USER)
        yield server


def test_a_server_that_does_not_run(postgresql: Server, user: User) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://me:x-hunter2@127.0.0.1:{taken.getsockname()[1]}/mail"
        with UserStore(url) as store:
            name = url.replace(":x-hunter2", "")
            uses = [*every_use(store, user), store.create]
            assert_refused(uses, name, "see whether its server runs", "refused")


def test_a_server_that_never_answers_is_not_waited_for(user: User) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/mail"
        with UserStore(url, timeout=0.5) as store:
            begun = time.monotonic()
            assert_refused([lambda: store.get("jsmith")], url, "timeout expired")
            assert time.monotonic() - begun < patience(4)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (f":{PASSWORD}@", ":x-hunter3@", "see the role's password"),
        (f":{PASSWORD}@", "@", "see the role's password"),
        ("ualauth:", "nobody:", "authentication failed"),
        ("/test_", "/missing_", "create it with createdb"),
        ("/test_", "/test_%22hunter%27{0}", "create it with createdb"),
    ],
)
def test_connections_that_are_refused(
    postgresql_database: PostgreSQLDatabase,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    words: str,
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    with UserStore(postgresql_database.url.replace(old, new)) as store:
        with pytest.raises(StoreError, match=words) as refused:
            store.check()
        assert PASSWORD not in str(refused.value)
        assert refused.value.__cause__ is refused.value.__context__ is None


def test_the_password_may_be_in_a_file(
    postgresql_database: PostgreSQLDatabase, user: User, tmp_path: Path
) -> None:
    path = tmp_path / "pgpass"
    path.touch(0o600)
    path.write_text(f"*:*:*:ualauth:{PASSWORD}\n")
    with UserStore(f"{postgresql_database.name}?passfile={path}") as store:
        assert store.get("jsmith") == user


def test_an_empty_database_is_no_userlist_yet(
    empty_postgresql: PostgreSQLDatabase, user: User
) -> None:
    with empty_postgresql.open() as empty:
        uses = every_use(empty, user)
        assert_refused(uses, empty_postgresql.name, "holds no USERLIST", "ualauth init")
        assert empty.create()
        assert empty.add(USER)


def test_roles_need_rights(
    postgresql_database: PostgreSQLDatabase, store: UserStore, user: User
) -> None:
    postgresql_database.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    url = postgresql_database.url.replace("//ualauth:", "//reader:")
    try:
        with UserStore(url) as reader:
            assert_refused([*every_use(reader, user)], "reader@", "grant it SELECT, INSERT")
            postgresql_database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
            assert reader.get("jsmith") == user
            assert_refused(every_use(reader, user)[7:], "reader@", "grant it SELECT, INSERT")
            # What the documentation grants is enough.
            postgresql_database.execute(
                "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader"
            )
            postgresql_database.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO reader")
            changed = reader.update(user, language="de")
            reader.delete(changed)
            assert reader.add(USER)
    finally:
        postgresql_database.execute("DROP OWNED BY reader")
        postgresql_database.execute("DROP ROLE reader")


def test_a_locked_row_is_waited_for_and_then_reported(
    postgresql_database: PostgreSQLDatabase, user: User
) -> None:
    server, name = postgresql_database.server, postgresql_database.database
    with contextlib.closing(server.connect(name)) as other, postgresql_database.open(0.3) as store:
        other.execute("BEGIN")
        other.execute("SELECT * FROM users FOR UPDATE")
        # Who writes keeps no reader from reading.
        assert store.get("jsmith") == user
        begun = time.monotonic()
        uses = every_use(store, user)[7:]
        assert_refused(uses, postgresql_database.name, "did not answer within 0.3 s", "57014")
        assert time.monotonic() - begun < patience(1.2) * len(uses)
        other.execute("ROLLBACK")
        assert store.update(user, language="de").language == "de"


def test_what_the_server_says_of_rows_is_not_shown(
    postgresql_database: PostgreSQLDatabase, store: UserStore, user: User
) -> None:
    postgresql_database.execute("ALTER TABLE users ADD CHECK (language <> 'x-hunter2')")
    postgresql_database.execute("CREATE UNIQUE INDEX ON users (language)")
    change = functools.partial(store.update, user, language="x-hunter2")
    assert_refused([change], "", "cannot be used", "23514")
    other = store.add(NewUser(name=ORName("Miller"), authid="m", language="x-hunter3"))
    with pytest.raises(NameTaken) as refused:
        store.update(user, language="x-hunter3")
    assert "hunter" not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None
    assert store.get("m") == other


def test_no_secret_is_logged_by_a_program_that_logs_everything(
    postgresql_database: PostgreSQLDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    # The library's own say nothing below a warning; this is what a program can turn on.
    caplog.set_level("INFO", logger="sqlalchemy.engine.Engine.ualauth")
    with postgresql_database.open() as store:
        user = store.add(USER)
        user = store.set_password(user, "$x-hunter3", (), changed=NOW, expires=None)
        assert store.replace_hash(user, "$x-hunter3", "$hunter4")
        list(store.users())
        assert "hunter" not in repr(store)
    assert caplog.text
    assert "hunter" not in caplog.text


# Connections that end


@pytest.mark.parametrize("function", ["read", "write"])
def test_a_connection_that_was_ended_costs_nothing(
    postgresql_database: PostgreSQLDatabase, store: UserStore, user: User, function: str
) -> None:
    use: Callable[[], User] = (
        (lambda: store.get("jsmith"))
        if function == "read"
        else (lambda: store.update(store.get("jsmith"), language="de"))
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.get("jsmith"), range(50)))
    for _ in range(3):
        use()
        server = postgresql_database.server
        before = server.backends(postgresql_database.database)
        assert before
        server.execute(
            "postgres",
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            f"WHERE datname = '{postgresql_database.database}'",
        )
        assert use().authid == "jsmith"
        assert not set(before) & set(server.backends(postgresql_database.database))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_restart_costs_nothing_once_it_is_over(own: Server, how: signal.Signals) -> None:
    with UserStore(own.url("mail"), timeout=5) as store:
        user = store.get("jsmith")
        store.update(user, language="de")
        own.stop(how)
        with pytest.raises(StoreError, match="cannot be connected to"):
            store.get("jsmith")
        with pytest.raises(StoreError, match="cannot be connected to"):
            store.update(user, language="fr")
        own.start()
        assert store.get("jsmith").language == "de"
        own.stop(how)
        own.start()
        # It was not asked while it was away: the old connections are still there.
        assert store.update(store.get("jsmith"), language="fr").language == "fr"


def test_a_restart_under_load_gives_temporary_failures_only(own: Server) -> None:
    stop = threading.Event()
    with UserStore(own.url("mail"), timeout=5) as store:

        def read() -> tuple[int, int]:
            right = failed = 0
            while not stop.is_set():
                try:
                    assert store.get("jsmith").password == USER.password
                    right += 1
                except StoreError:
                    failed += 1
            return right, failed

        with ThreadPoolExecutor(4) as pool:
            try:
                readers = [pool.submit(read) for _ in range(4)]
                store.get("jsmith")
                own.stop()
                with pytest.raises(StoreError):
                    store.get("jsmith")
                own.start()
                for _ in range(100):
                    store.get("jsmith")
            finally:
                stop.set()
            results = [reader.result() for reader in readers]
        assert all(right for right, _ in results)
        assert store.get("jsmith")


def test_a_process_of_the_server_that_stands_still_is_left(
    postgresql_database: PostgreSQLDatabase, user: User
) -> None:
    server = postgresql_database.server
    with postgresql_database.open(timeout=patience(0.5)) as store:
        store.get("jsmith")
        frozen = server.backends(postgresql_database.database)
        stand_still(*frozen)
        try:
            begun = time.monotonic()
            assert store.get("jsmith") == user
            assert 1 < time.monotonic() - begun < patience(4)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)


def test_a_server_that_stands_still_is_not_waited_for(own: Server) -> None:
    with UserStore(own.url("mail"), timeout=patience(0.5)) as store:
        store.update(store.get("jsmith"), language="de")
        frozen = [*own.backends("mail"), own.pid]
        stand_still(*frozen)
        try:
            uses: tuple[Callable[[], object], ...] = (
                lambda: store.get("jsmith"),
                lambda: store.add(NewUser(name=ORName("M"), authid="m")),
            )
            for use in uses:
                begun = time.monotonic()
                with pytest.raises(StoreError, match="timeout expired"):
                    use()
                assert time.monotonic() - begun < patience(6)
        finally:
            for pid in reversed(frozen):
                os.kill(pid, signal.SIGCONT)
        assert store.get("jsmith").language == "de"


# The library


def test_sqlite_does_without_psycopg(tmp_path: Path) -> None:
    text = (
        "import sys, ualauth\n"
        "from ualauth.userlist.store import UserStore\n"
        f"with UserStore('sqlite:///{tmp_path}/x.db') as store:\n"
        "    store.create(); store.check()\n"
        "assert not {'psycopg', 'psycopg_binary'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", text], check=True, timeout=patience(60))


def test_a_missing_psycopg_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ualauth.userlist.database.postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'ualauth\[postgresql\]'"):
        UserStore("postgresql://me@host/db")
