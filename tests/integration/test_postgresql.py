"""Logins with the USERLIST on a server, which goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Way
from tests.integration.conftest import CHEAP, SERVICE
from tests.postgresql import PASSWORD, Server, running
from ualauth import AuthenticationFailed, TemporaryFailure
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
        identity = way.run(authenticator.authenticate("mail", "john@example.com", password))
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
