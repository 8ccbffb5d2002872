"""All modules ask one way for the user's record: they share what is known, and its grace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ualauth.errors import TemporaryFailure
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore

if TYPE_CHECKING:
    from tests.conftest import Way

STACKS = {
    "pam_if": "auth requisite pam_if authid=jsmith\nauth required om_auth\n"
    "account requisite pam_if !administrator\naccount required om_auth\n",
    "om_om2authid": "auth requisite om_om2authid\nauth required om_auth\n"
    "account requisite om_om2authid\naccount required om_auth\n",
}


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, folder: ConfigFolder) -> None:
    folder.settings("[stack]\nfail_delay = false\n[cache]\noutage_grace = 3600\n")
    text = STACKS[request.param].replace("requisite om_om", "[ignore=ignore default=die] om_om")
    folder.service("mail", text)
    people = Userlist.create(folder.path)
    people.add("jsmith", "s3cret", addresses=("john@example.com",))
    people.close()


@pytest.mark.usefixtures("stack")
def test_a_remembered_login_reads_nothing_more(
    way: Way, folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = way.authenticator(folder.config())

    def log_in() -> str:
        return str(way.run(authenticator.authenticate("mail", "john@example.com", "s3cret")).authid)

    # The first one replaces the outdated hash.
    for _ in range(3):
        log_in()
    reads: list[str] = []
    usual = UserStore.resolve

    def counted(self: UserStore, name: str) -> object:
        reads.append(name)
        return usual(self, name)

    monkeypatch.setattr(UserStore, "resolve", counted)
    assert log_in() == "jsmith"
    assert reads == []


@pytest.mark.usefixtures("stack")
def test_the_grace_of_an_outage_holds_behind_it(
    way: Way, folder: ConfigFolder, tmp_path: Path
) -> None:
    authenticator = way.authenticator(folder.config())

    def log_in(password: str) -> str:
        return str(way.run(authenticator.authenticate("mail", "jsmith", password)).authid)

    for _ in range(3):
        assert log_in("s3cret") == "jsmith"
    (folder.path / "userlist.db").rename(tmp_path / "elsewhere.db")
    assert log_in("s3cret") == "jsmith"
    with pytest.raises(TemporaryFailure):
        log_in("wrong")
