"""A whole configuration folder: a service on om_auth and a USERLIST on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

CHEAP = """
[stack]
fail_delay = false
[password]
argon2_passes = 1
argon2_lanes = 1
argon2_memory = 8
"""
SERVICE = """
auth     required om_auth
account  required om_auth
password required om_auth
session  required om_auth
"""


@pytest.fixture
def mail(folder: ConfigFolder) -> ConfigFolder:
    """Return a folder in which `mail` asks the USERLIST."""
    folder.settings(CHEAP)
    folder.service("mail", SERVICE)
    folder.service("other", "auth required pam_deny\naccount required pam_deny\n")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", "s3cret", addresses=("john@example.com",))
    userlist.add("locked", "s3cret", locked=True)
    userlist.add("gone", "s3cret", account_expires=yesterday)
    userlist.add("old", "s3cret", password_expires=yesterday)
    userlist.close()
    return folder
