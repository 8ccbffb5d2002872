"""Logins with the USERLIST on a server, which goes away and comes back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Way
from tests.integration.conftest import CHEAP, SERVICE
from tests.postgresql import PASSWORD, Server, replica_of, running
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.identity import Identity
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        server.create("mail")
        yield server


def test_a_server_that_is_away_is_a_temporary_failure(
    way: Way, folder: ConfigFolder, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    folder.settings(f'{CHEAP}[userlist]\nurl = "{server.url("mail")}"\n')
    folder.service("mail", SERVICE)
    with UserStore(server.url("mail")) as store:
        store.create()
        Userlist(store).add("jsmith", "s3cret", addresses=("john@example.com",))
    authenticator = way.authenticator(folder.config())

    def login(password: str) -> str:
        login = authenticator.authenticate("mail", "john@example.com", password)
        identity: Identity = way.run(login)
        return identity.authid

    assert login("s3cret") == "jsmith"
    with pytest.raises(AuthenticationFailed):
        login("wrong")
    server.stop()
    for password in ("s3cret", "wrong"):
        with pytest.raises(TemporaryFailure):
            login(password)
    server.start()
    assert login("s3cret") == "jsmith"
    with pytest.raises(AuthenticationFailed):
        login("wrong")
    assert PASSWORD not in caplog.text
    assert "cannot be connected to" in caplog.text


MOST = 4


@pytest.mark.parametrize("how", ["a role that only reads", "a session that only reads", "standby"])
def test_guesses_count_where_the_server_takes_no_changes(
    way: Way, folder: ConfigFolder, server: Server, how: str
) -> None:
    with UserStore(server.url("mail")) as store:
        store.create()
        Userlist(store).add("jsmith", "s3cret")
    with contextlib.ExitStack() as stack:
        url = server.url("mail")
        if how == "standby":
            url = stack.enter_context(replica_of(server)).url("mail")
        else:
            rights = "ALL" if "session" in how else "SELECT"
            server.execute("mail", f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
            server.execute("mail", f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO reader")
            server.execute("mail", "ALTER ROLE reader SET default_transaction_read_only = on")
            url = url.replace("ualauth:", "reader:")
        folder.settings(
            f'{CHEAP}[userlist]\nurl = "{url}"\ntimeout = 2.0\n[lockout]\nfailures = {MOST}\n'
        )
        folder.service("mail", SERVICE)
        authenticator = stack.enter_context(closing_of(way, folder))

        def login(password: str, rhost: str = "192.0.2.7") -> str:
            try:
                way.run(authenticator.authenticate("mail", "jsmith", password, rhost=rhost))
            except AuthenticationFailed as error:
                return str(error.code)
            except TemporaryFailure:
                return "unavailable"
            return "granted"

        assert login("s3cret") == "granted"
        assert [login(f"wrong {number}") for number in range(MOST)] == ["unavailable"] * MOST
        assert login("s3cret") == "perm_denied"
        assert login("s3cret", rhost="198.51.100.9") == "granted"


@contextlib.contextmanager
def closing_of(way: Way, folder: ConfigFolder) -> Iterator[Any]:
    authenticator = way.authenticator(folder.config())
    try:
        yield authenticator
    finally:
        way.run(authenticator.close())
