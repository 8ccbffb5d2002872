"""Users for the daemon: one of each outcome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

OM_AUTH = "auth required om_auth\naccount required om_auth\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ConfigFolder]:
    """A folder with services for mail, and jane, whose password is `secret`, locked joe."""
    folder = ConfigFolder(tmp_path)
    for service in ("smtpd.auth", "imap", "pop3"):
        folder.service(service, OM_AUTH)
    folder.service("outage", "auth required pam_debug auth=authinfo_unavail\n")
    folder.service("expired", OM_AUTH.replace("account", "#") + EXPIRED)
    userlist = Userlist.create(tmp_path)
    userlist.add("jane", "secret", addresses=("jane@example.com",))
    userlist.add("joe", "secret", locked=True)
    yield folder
    userlist.close()


EXPIRED = "account required pam_debug acct=new_authtok_reqd\n"
