"""A configuration folder with people whose secrets are kept, and services of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import MECHANISMS, ScramSecret
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = """
    [sasl]
    mechanisms = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "CRAM-MD5", "EXTERNAL",
                  "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN", "ANONYMOUS"]
    [stack]
    fail_delay = false
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    [authorization]
    rules = ["boss: *", "secretary: b*", "@administrators: jsmith"]
    """
SERVICES = {
    "imap": "auth required om_auth\naccount required om_auth\n",
    "listed": """
        auth required pam_listfile item=user sense=deny file={list} onerr=fail
        auth required om_auth
        account required om_auth
        """,
    "branch": """
        auth [success=1 default=ignore] pam_if mechanism=SCRAM-*
        auth requisite pam_deny
        auth required om_auth
        account required om_auth
        """,
    "fallback": """
        auth sufficient pam_debug auth=auth_err
        auth sufficient om_external
        auth sufficient om_auth
        auth required pam_deny
        account required om_auth
        """,
    "open": "auth required pam_permit\naccount required pam_permit\n",
    "external": """
        auth sufficient om_external
        auth required om_auth
        account required om_auth
        """,
    "guests": """
        auth sufficient om_anonymous
        auth required om_auth
        account sufficient om_anonymous
        account required om_auth
        """,
}


def secrets_of(password: str) -> tuple[ScramSecret, ...]:
    """Return the secrets for all mechanisms; made once, since that takes long."""
    # Fixtures of a session come before that which makes new secrets cheap.
    return _secrets(password, tuple(each.iterations for each in MECHANISMS.values()))


@cache
def _secrets(password: str, _iterations: tuple[int, ...]) -> tuple[ScramSecret, ...]:
    mechanisms = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "CRAM-MD5")
    return tuple(PasswordHasher(mechanisms=mechanisms).secrets(password))


@pytest.fixture
def people(tmp_path: Path, folder: ConfigFolder) -> Iterator[Userlist]:
    """Return the USERLIST of a folder with all services."""
    folder.settings(SETTINGS)
    listed = tmp_path / "listed"
    listed.write_text("secretary\n")
    for name, text in SERVICES.items():
        folder.service(name, text.replace("{list}", str(listed)))
    userlist = Userlist.create(folder.path)
    for name in ("jsmith", "boss", "secretary", "locked"):
        user = userlist.add(name, addresses=(f"{name}@example.com",))
        hashed, now = userlist.hasher.hash("pencil"), datetime.now(UTC)
        userlist.store.set_password(user, hashed, secrets_of("pencil"), changed=now, expires=None)
    userlist.store.update(userlist.store.get("locked"), locked=True)
    userlist.add("typist", "pencil")
    yield userlist
    userlist.close()
