"""A name that is locked out at one entry is so at the next one, which has another password."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from ualauth import AuthenticationError, Authenticator
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = """
[password]
argon2_passes = 1
argon2_lanes = 1
argon2_memory = 8
[stack]
fail_delay = false
[lockout]
failures = 2
failure_delay = 0
"""
RHOST = "192.0.2.7"
OF_THE_DATABASE = "another-battery-staple"


def test_a_name_that_is_locked_out_is_refused_by_what_other_systems_check_too(
    folder: ConfigFolder,
) -> None:
    folder.settings(SETTINGS)
    database = folder.path / "mail.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE mailbox (name TEXT, password TEXT)")
        row = "jsmith", f"{{PLAIN}}{OF_THE_DATABASE}"
        connection.execute("INSERT INTO mailbox VALUES (?, ?)", row)
        connection.commit()
    database.chmod(0o600)
    query = "query SELECT name AS user, password FROM mailbox WHERE name = {user}\n"
    (folder.path / "om_sql.conf").write_text(f"url sqlite:///{database}\n{query}")
    (folder.path / "om_sql.conf").chmod(0o600)
    lines = "auth sufficient om_auth\nauth required om_sql\naccount required pam_permit\n"
    folder.service("both", lines)
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", "correct-horse")
    userlist.close()
    with Authenticator(folder.config()) as auth:
        assert auth.authenticate("both", "jsmith", OF_THE_DATABASE, rhost=RHOST).user == "jsmith"
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                auth.authenticate("both", "jsmith", "wrong", rhost=RHOST)
        for password in (OF_THE_DATABASE, "wrong", "correct-horse"):
            with pytest.raises(AuthenticationError) as raised:
                auth.authenticate("both", "jsmith", password, rhost=RHOST)
            assert [each.module for each in raised.value.trace] == ["om_auth", "om_sql"]
            assert {each.reason for each in raised.value.trace} == {ReasonCode.LOCKED_OUT}
        assert auth.authenticate("both", "jsmith", OF_THE_DATABASE, rhost="198.51.100.9").user
