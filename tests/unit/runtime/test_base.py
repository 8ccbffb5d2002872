"""Configurations without a USERLIST: no login waits for one, and one that is made is found."""

from __future__ import annotations

import contextlib
import time

import pytest

from tests.machine import patience
from ualauth import Authenticator, TemporaryFailure
from ualauth.runtime.base import BaseAuthenticator
from ualauth.runtime.users import NoUserlist
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


def test_that_there_is_no_userlist_is_known_for_a_moment(folder: ConfigFolder) -> None:
    base = BaseAuthenticator(folder.config())
    assert base.recall("jsmith") is None
    with pytest.raises(NoUserlist):
        base.read("jsmith")
    with pytest.raises(NoUserlist):
        base.recall("jsmith")


def test_a_userlist_that_is_made_later_is_found(folder: ConfigFolder) -> None:
    folder.service("mail", "auth required om_auth\naccount required om_auth\n")
    folder.settings("[stack]\nfail_delay = false\n")
    with Authenticator(folder.config()) as authenticator:
        with pytest.raises(TemporaryFailure):
            authenticator.authenticate("mail", "jsmith", "violet 7 anchor")
        userlist = Userlist.create(folder.config().directory)
        try:
            userlist.add("jsmith", "violet 7 anchor")
        finally:
            userlist.close()
        end = time.monotonic() + patience(20)
        while time.monotonic() < end:
            with contextlib.suppress(TemporaryFailure):
                identity = authenticator.authenticate("mail", "jsmith", "violet 7 anchor")
                assert identity.user == "jsmith"
                return
            time.sleep(0.05)
        raise AssertionError("the USERLIST is not found")
