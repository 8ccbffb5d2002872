"""Files that are imported by the program, and logins by `pop3` of the users who arrived."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner, Result

from ualauth import AuthenticationError, Authenticator
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist.store import UserStore

PASSWORD = "correct horse"
HASH = "{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0"
SETTINGS = """
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
"""
OM_AUTH = """
    auth required om_auth
    account required om_auth
    password required om_auth
"""
GRANTED = "granted"


class House:
    """A configuration folder with an empty USERLIST, and the services `pop3` and `imap`."""

    def __init__(self, path: Path, settings: str = SETTINGS) -> None:
        path.mkdir(exist_ok=True)
        self.folder = ConfigFolder(path)
        self.folder.settings(settings)
        for service in ("pop3", "imap"):
            self.folder.service(service, OM_AUTH)
        self.store = UserStore(f"sqlite:///{path / 'userlist.db'}")
        self.store.create()

    def run(self, *arguments: str) -> Result:
        """Run `ualauth user ...`."""
        given = ["--config-dir", str(self.folder.path), "user", *arguments]
        return CliRunner().invoke(application, given, prog_name="ualauth")

    def import_(self, kind: str, text: str, *options: str) -> Result:
        """Import a file with this text."""
        file = self.folder.path / f"arrivals.{kind}"
        file.write_text(text, encoding="utf-8")
        return self.run("import", str(file), "--format", kind, *options)

    def export(self, kind: str, *options: str) -> tuple[str, str]:
        """Return an export, and what is told of it."""
        file = self.folder.path / f"departures.{kind}"
        result = self.run("export", str(file), "--format", kind, *options)
        assert result.exit_code == 0, result.output
        return file.read_text(encoding="utf-8"), result.stderr

    def logins(
        self,
        users: Iterable[str],
        password: str = PASSWORD,
        *,
        service: str = "pop3",
        rhost: str = "203.0.113.9",
    ) -> dict[str, str]:
        """Return user -> `granted`, or the name of the exception."""
        outcomes = {}
        with closing(Authenticator(self.folder.config())) as authenticator:
            for user in users:
                try:
                    authenticator.authenticate(service, user, password, rhost=rhost, tls=True)
                    outcomes[user] = GRANTED
                except AuthenticationError as error:
                    outcomes[user] = type(error).__name__
        return outcomes

    def login(self, user: str, password: str = PASSWORD, **more: str) -> str:
        """Return what one login comes to."""
        return self.logins([user], password, **more)[user]
