"""Guesses that a KDC checks are limited, too: for a user and a source."""

from __future__ import annotations

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import Realm
from ualauth import AuthenticationError
from ualauth.testing.userlist import Userlist

MOST = 3
HERE, THERE = "192.0.2.7", "198.51.100.9"
SETTINGS = f"[stack]\nfail_delay = false\n[lockout]\nfailures = {MOST}\n"


@pytest.mark.parametrize("listed", [False, True])
def test_failures_lock_out_for_their_source_only(
    way: Way, kdc: Realm, mail: Mail, *, listed: bool
) -> None:
    kdc.admin('addprinc -pw "s3cret" limited')
    folder = mail(kdc)
    folder.settings(SETTINGS)
    if listed:
        userlist = Userlist.create(folder.path)
        userlist.add("limited")
        userlist.close()
    authenticator = way.authenticator(folder.config())

    def outcome(password: str, rhost: str = HERE) -> str:
        try:
            way.run(authenticator.authenticate("mail", "limited", password, rhost=rhost))
        except AuthenticationError as error:
            return str(error.code)
        return "success"

    for _ in range(2):
        assert [outcome(f"wrong {number}") for number in range(MOST - 1)] == ["auth_err"] * 2
        assert outcome("s3cret") == "success"
    assert [outcome(f"wrong {number}") for number in range(MOST)] == ["auth_err"] * MOST
    assert outcome("s3cret") == "perm_denied"
    assert outcome("s3cret", THERE) == "success"
    kdc.admin("delprinc -force limited")
