"""The primary of a USERLIST is killed in the middle of logins, and comes back or is replaced.

No login meanwhile is wrong: what can be read is judged, and the rest are temporary failures.
Nothing has to be started anew, and what was confirmed before holds on the server that is left.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conftest import Way
from tests.faults.hammer import GRANTED, LAP, REFUSED, STOP, TEMPORARY, TRIES, Login, hammer
from tests.faults.processes import Child, children
from tests.integration.conftest import CHEAP
from tests.machine import patience
from tests.postgresql import PASSWORD, Server, replica_of, running
from ualauth import AccountRestricted, AuthenticationFailed, TemporaryFailure
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password
from ualauth.userlist.store import UserStore

SERVICE = "auth required om_auth\naccount required om_auth\n"
RIGHT = {"right", "present"}


@dataclass
class Pair:
    """What the primary has confirmed, the replica has."""

    primary: Server
    replica: Server

    @property
    def url(self) -> str:
        ports = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}"
        return f"postgresql://ualauth:{PASSWORD}@{ports}/mail"

    def confirm_by_both(self) -> None:
        for statement in (
            "ALTER SYSTEM SET synchronous_commit = remote_apply",
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        ):
            self.primary.execute("postgres", statement)
        until(self.primary, "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_priority > 0")


def until(server: Server, question: str) -> None:
    deadline = time.monotonic() + patience(60)
    with contextlib.closing(server.connect()) as connection:
        while connection.execute(question.encode()).fetchone() != (True,):
            assert time.monotonic() < deadline, question


@pytest.fixture
def pair(folder: ConfigFolder) -> Iterator[Pair]:
    """Return two servers and a folder that names both; bert's password was changed just before."""
    with running() as primary:
        primary.create("mail")
        with UserStore(primary.url("mail")) as store:
            store.create()
            userlist = Userlist(store)
            userlist.add("anna", "violet 7 anchor")
            userlist.add("bert", "copper 5 lantern")
        with replica_of(primary) as replica:
            pair = Pair(primary, replica)
            pair.confirm_by_both()
            folder.settings(
                f'{CHEAP}[userlist]\nurl = "{pair.url}"\ntimeout = 5\n[lockout]\nfailures = 0\n'
            )
            folder.service("pop3", SERVICE)
            with UserStore(pair.url) as store:
                hasher = Userlist(store).hasher
                set_password(store, hasher, store.get("bert"), "copper 6 lantern")
            yield pair


def lap(processes: list[Child]) -> None:
    for process in processes:
        process.ask(LAP)


def wrong(logins: list[Login]) -> list[Login]:
    """Return what says something that is not true: it may be said that it cannot be told."""
    allowed = {label: GRANTED if label in RIGHT else REFUSED for label, *_ in TRIES}
    return [each for each in logins if each.outcome not in {allowed[each.label], TEMPORARY}]


@pytest.mark.parametrize("then", ["it comes back", "the replica is promoted"])
def test_no_login_is_wrong_while_a_primary_dies(
    pair: Pair, folder: ConfigFolder, then: str
) -> None:
    place = str(folder.path)
    with children((hammer, place, True, 4, TRIES), (hammer, place, False, 2, TRIES)) as processes:
        lap(processes)
        for _ in range(2 if then == "it comes back" else 1):
            pair.primary.kill()
            # From the replica, which has all that was confirmed.
            lap(processes)
            if then == "it comes back":
                pair.primary.start()
                pair.confirm_by_both()
            else:
                pair.replica.execute("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
                assert pair.replica.execute("postgres", "SELECT pg_promote()") == [(True,)]
            lap(processes)
        calm = time.monotonic_ns()
        lap(processes)
        logins = []
        for process in processes:
            process.send(STOP)
            logins += process.receive()
    assert not wrong(logins), wrong(logins)[:5]
    after = [each for each in logins if each.began > calm]
    assert {each.label for each in after} == {label for label, *_ in TRIES}
    assert TEMPORARY not in {each.outcome for each in after}


def test_what_is_changed_on_the_new_primary_holds_at_the_very_next_login(
    pair: Pair, folder: ConfigFolder, way: Way
) -> None:
    authenticator = way.authenticator(folder.config())

    def log_in(user: str, password: str) -> str:
        name: str = way.run(authenticator.authenticate("pop3", user, password)).user
        return name

    assert log_in("anna", "violet 7 anchor") == "anna"
    assert log_in("bert", "copper 6 lantern") == "bert"
    pair.primary.kill()
    with UserStore(pair.url, timeout=5) as store:
        hasher = Userlist(store).hasher
        # Read from the replica, which does not let go of what was confirmed.
        assert log_in("bert", "copper 6 lantern") == "bert"
        with pytest.raises(AuthenticationFailed):
            log_in("bert", "copper 5 lantern")
        pair.replica.execute("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
        pair.replica.execute("postgres", "SELECT pg_promote()")
        set_password(store, hasher, store.get("bert"), "copper 7 lantern")
        with pytest.raises(AuthenticationFailed):
            log_in("bert", "copper 6 lantern")
        assert log_in("bert", "copper 7 lantern") == "bert"
        # The old one comes back as a replica, the first of the URL, and lags behind.
        pair.primary.follow(pair.replica)
        pair.primary.start()
        pair.primary.execute("postgres", "SELECT pg_wal_replay_pause()")
        store.update(store.get("anna"), locked=True)
        for _ in range(3):
            with pytest.raises(AccountRestricted):
                log_in("anna", "violet 7 anchor")
            # Another connection has to be opened.
            way.run(authenticator.close())
        pair.primary.execute("postgres", "SELECT pg_wal_replay_resume()")


@pytest.mark.parametrize("grace", [0, 3600])
def test_a_primary_alone_that_dies_is_a_temporary_failure_or_bridged(
    pair: Pair, folder: ConfigFolder, way: Way, grace: int
) -> None:
    folder.settings(
        f'{CHEAP}[userlist]\nurl = "{pair.primary.url("mail")}"\ntimeout = 5\n'
        f"[lockout]\nfailures = 0\n[cache]\noutage_grace = {grace}\n"
    )
    authenticator = way.authenticator(folder.config())

    def log_in(user: str, password: str) -> str:
        try:
            name: str = way.run(authenticator.authenticate("pop3", user, password)).user
        except (AuthenticationFailed, TemporaryFailure) as error:
            return type(error).__name__
        return name

    assert log_in("anna", "violet 7 anchor") == "anna"
    pair.primary.kill()
    assert log_in("anna", "violet 7 anchor") == ("anna" if grace else TEMPORARY)
    for user, password in (("anna", "wrong"), ("bert", "copper 6 lantern"), ("nobody", "x")):
        assert log_in(user, password) == TEMPORARY
    pair.primary.start()
    assert log_in("anna", "violet 7 anchor") == "anna"
    assert log_in("anna", "wrong") == REFUSED
    assert log_in("bert", "copper 6 lantern") == "bert"
