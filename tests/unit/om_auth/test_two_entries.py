"""Entries of the same module with other options are two entries: neither has the other's."""

from __future__ import annotations

import pytest

from tests.conftest import Way
from ualauth import AuthenticationFailed
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

OPEN = "auth required om_auth nullok\naccount required om_auth\n"
STRICT = "auth required om_auth\naccount required om_auth\n"


@pytest.mark.parametrize("order", [1, -1])
def test_two_services_keep_their_own_options(folder: ConfigFolder, way: Way, order: int) -> None:
    Userlist.create(folder.path).add("blank")
    folder.settings("[stack]\nfail_delay = false\n")
    folder.service("open", OPEN)
    folder.service("strict", STRICT)
    authenticator = way.authenticator(folder.config())

    def user_of(service: str) -> str:
        user: str = way.run(authenticator.authenticate(service, "blank", "")).user
        return user

    for service in ("open", "strict", "open", "strict")[::order]:
        if service == "open":
            assert user_of(service) == "blank"
        else:
            with pytest.raises(AuthenticationFailed):
                user_of(service)


def test_an_entry_that_refuses_does_not_answer_for_the_next(folder: ConfigFolder, way: Way) -> None:
    """Two entries of one stack, of which the first asks for another user's list."""
    Userlist.create(folder.path).add("jsmith", "s3cret")
    lists = {}
    for name in ("ann", "jsmith"):
        lists[name] = folder.path / f"{name}.list"
        lists[name].write_text(f"{name}\n")
    entry = "auth {} pam_listfile item=user sense=allow file={} onerr=fail\n"
    for first, second, granted in (("ann", "jsmith", True), ("ann", "ann", False)):
        text = entry.format("sufficient", lists[first]) + entry.format("requisite", lists[second])
        folder.service("test", text + "auth required om_auth\naccount required om_auth\n")
        if granted:
            assert way.login(folder.config(), "test", "jsmith", "s3cret").user == "jsmith"
        else:
            with pytest.raises(AuthenticationFailed):
                way.login(folder.config(), "test", "jsmith", "s3cret")
