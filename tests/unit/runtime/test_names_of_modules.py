"""A user whom a module names was not typed: the USERLIST has exactly that one, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Way
from ualauth import AccountRestricted
from ualauth.codes import Item, ReturnCode
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName


class Directory(Module[Options]):
    """Let every user in as whom the test's directory has, as pam_set_item(3) allows."""

    options_type = Options
    user = "smith"

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_user()
        attempt.set_item(Item.USER, self.user)
        return ReturnCode.SUCCESS


@pytest.mark.parametrize("name", ["smith", "Smith", "John Smith", "S=Smith", "js@example.com"])
def test_a_name_that_a_module_sets_is_no_guess_at_a_user(
    way: Way, folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Directory, "user", name)
    folder.module("directory", Directory)
    folder.service("mail", "auth required directory\naccount required om_auth\n")
    userlist = Userlist.create(Path(folder.path))
    userlist.add("jsmith", name=ORName("Smith", "John"), addresses=("js@example.com",))
    assert userlist.store.get(name).authid == "jsmith"
    auth = way.authenticator(folder.config())
    with pytest.raises(AccountRestricted):
        way.run(auth.authenticate("mail", "typed", "x"))
    monkeypatch.setattr(Directory, "user", "jsmith")
    assert way.run(auth.authenticate("mail", "typed", "x")).authid == "jsmith"
    userlist.close()
