"""A database of users for tests, as a file of SQLite, and a service that asks it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from ualauth import AuthenticationError
from ualauth.codes import ReturnCode
from ualauth.identity import Identity
from ualauth.testing.folder import ConfigFolder

STACK = "auth required om_sql\naccount required om_sql\n"
SETTINGS = (
    "[stack]\nfail_delay = false\n[password]\nscheme = 'pbkdf2_sha512'\npbkdf2_sha512_rounds = 1\n"
    '[service."smtpd.auth"]\nmechanisms = ["PLAIN"]\n'
)
"""Hashes cost next to nothing, so that a refusal, which costs one, does too."""
QUERY = (
    "SELECT username AS user, password, active, expires, allow_nets, nologin, addresses "
    "FROM mailbox WHERE username = {user} COLLATE NOCASE"
)


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Make the table `mailbox` anew."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS mailbox")
        connection.execute(f"CREATE TABLE mailbox ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO mailbox VALUES ({marks})", list(rows))


class Mailboxes:
    """A service `mail` of a folder whose om_sql.conf asks a database."""

    def __init__(self, way: Way, folder: ConfigFolder, *lines: str, stack: str = STACK) -> None:
        self.way, self.folder = way, folder
        folder.settings(SETTINGS)
        self.configure(*lines)
        folder.service("mail", stack)
        self.authenticator: Any = way.authenticator(folder.config())

    def configure(self, *lines: str) -> None:
        file = self.folder.path / "om_sql.conf"
        file.write_text("\n".join([*lines, ""]))
        file.chmod(0o600)

    def login(self, user: str, password: str, *, service: str = "mail", **peer: Any) -> Identity:
        login = self.authenticator.authenticate(service, user, password, **peer)
        identity: Identity = self.way.run(login)
        return identity

    def outcome(self, user: str, password: str, **peer: Any) -> str:
        """Return the code that refused, or `success`."""
        try:
            self.login(user, password, **peer)
        except AuthenticationError as error:
            return f"{error.code}"
        return str(ReturnCode.SUCCESS)

    def reason(self, user: str, password: str, **peer: Any) -> str:
        """Return the reason of a refusal."""
        with pytest.raises(AuthenticationError) as raised:
            self.login(user, password, **peer)
        return f"{raised.value.reason}"

    def remarks(self, user: str, password: str, **peer: Any) -> str:
        """Return the code, and what the modules say to the log about one login."""
        transaction: Any = self.authenticator.transaction(
            "mail", user, lambda _: [password], **peer
        )
        code = self.way.run(transaction.authenticate())
        if code is ReturnCode.SUCCESS:
            code = self.way.run(transaction.acct_mgmt())
        transaction.close()
        remarks = "; ".join(step.remark for step in transaction.trace if step.remark)
        return f"{code}: {remarks}"
