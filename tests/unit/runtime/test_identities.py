"""Identities that are kept for the next login: the same user's, as long as nothing is different."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Way
from ualauth.codes import ReturnCode
from ualauth.messages import Info
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SUCCESS = ReturnCode.SUCCESS
OM_AUTH = "auth required om_auth\naccount required om_auth\n"


def test_a_login_that_repeats_another_gives_its_identity(tmp_path: Path, way: Way) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("pop3", OM_AUTH)
    Userlist.create(tmp_path).add("jsmith", "s3cret")
    auth = way.authenticator(folder.config())

    first = way.run(auth.authenticate("pop3", "jsmith", "s3cret"))
    way.run(auth.authenticate("pop3", "jsmith", "s3cret"))
    again = way.run(auth.authenticate("pop3", "jsmith", "s3cret"))

    assert again == first


@pytest.mark.slow
def test_services_names_and_users_are_kept_apart(tmp_path: Path, way: Way) -> None:
    folder = ConfigFolder(tmp_path)
    for service in ("pop3", "imap"):
        folder.service(service, OM_AUTH)
    people = Userlist.create(tmp_path)
    people.add("jsmith", "s3cret", addresses=("js@example.com",))
    people.add("ann", "s3cret")
    auth = way.authenticator(folder.config())

    for _ in range(3):
        for service in ("pop3", "imap"):
            for name, user in (("jsmith", "jsmith"), ("js@example.com", "jsmith"), ("ann", "ann")):
                identity = way.run(auth.authenticate(service, name, "s3cret"))
                assert (identity.service, identity.login_name) == (service, name)
                assert (identity.user, identity.authid) == (user, user)


def test_a_changed_record_shows_in_the_very_next_identity(tmp_path: Path, way: Way) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("pop3", OM_AUTH)
    people = Userlist.create(tmp_path)
    user = people.add("jsmith", "s3cret", addresses=("js@example.com",))
    auth = way.authenticator(folder.config())

    for administrator in (False, True, False):
        user = people.store.update(user, administrator=administrator)
        for _ in range(2):
            identity = way.run(auth.authenticate("pop3", "js@example.com", "s3cret"))
            assert identity.person.administrator is administrator


class Telling(Module[Options]):
    """Vouches for nothing, and says something to every second login."""

    options_type = Options
    count = 0

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        type(self).count += 1
        if self.count % 2 == 0:
            await attempt.tell(Info("the mailbox is nearly full"))
        return SUCCESS

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        return SUCCESS


def test_what_one_login_was_told_is_not_told_to_the_next(tmp_path: Path, way: Way) -> None:
    folder = ConfigFolder(tmp_path)
    folder.module("telling", Telling)
    folder.service("test", "auth required telling\naccount required telling\n")
    auth = way.authenticator(folder.config())

    told = [way.run(auth.authenticate("test", "jsmith", "x")).messages for _ in range(4)]

    assert told == [(), ("the mailbox is nearly full",)] * 2
