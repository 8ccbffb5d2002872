"""Make a configuration folder with a USERLIST, and log people in through every shipped service.

usage: demo.py FOLDER

Exits with 1 if any login ends otherwise than it should.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ualauth import AuthenticationError, Authenticator
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import derive_all
from ualauth.userlist.names import parse as parse_name
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

SERVICES = ("ual.remote", "smtpd.auth", "pop3", "imap", "omslapdeng")
RIGHT = "correct horse"
WRONG = "incorrect horse"
NEW = "battery staple"


def main(folder: Path) -> int:
    """Run the demonstration in `folder`, and return the exit status."""
    if (folder / "ualauth.toml").exists():
        shutil.rmtree(folder)
    ualauth = Path(sys.executable).with_name("ualauth")
    subprocess.run([ualauth, "--config-dir", folder, "init"], check=True)  # noqa: S603 - our own
    table = Table(title="Logins through the shipped services", title_justify="left")
    for heading in ("service", "login name", "situation", "outcome", ""):
        table.add_column(heading)
    failures = 0
    with Authenticator(folder) as auth:
        for service in SERVICES:
            add_people(auth.config.userlist_url)
            for login_name, situation, expected, attempt in situations(auth, service):
                outcome = outcome_of(attempt)
                failures += outcome != expected
                sign = "[green]as expected" if outcome == expected else f"[red]not {expected}"
                table.add_row(service, login_name, situation, outcome, sign)
            table.add_section()
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(
        f"The folder {folder}/ is yours to play with; the password of jsmith is {RIGHT!r}:\n"
        f"  .venv/bin/ualauth --config-dir {folder} test-auth pop3 jsmith --trace\n"
        f"  .venv/bin/ualauth --config-dir {folder} user list\n"
        f"  .venv/bin/ualauth --config-dir {folder} show pop3",
        markup=False,
        highlight=False,
    )
    return 1 if failures else 0


Attempt = Callable[[], object]


def situations(auth: Authenticator, service: str) -> list[tuple[str, str, str, Attempt]]:
    """Return login name, situation, expected outcome and what to do, in order."""

    def login(login_name: str, password: str) -> Attempt:
        return lambda: auth.authenticate(service, login_name, password, rhost="192.0.2.7", tls=True)

    def change(login_name: str, old: str, new: str) -> Attempt:
        return lambda: auth.change_password(service, login_name, old, new)

    return [
        ("jsmith", "right password", "let in", login("jsmith", RIGHT)),
        (
            "john.smith@example.com",
            "right password, by address",
            "let in",
            login("john.smith@example.com", RIGHT),
        ),
        ("John Smith/ny", "right password, by O/R name", "let in", login("John Smith/ny", RIGHT)),
        ("jsmith", "wrong password", "AuthenticationFailed", login("jsmith", WRONG)),
        ("nobody", "unknown user", "AuthenticationFailed", login("nobody", RIGHT)),
        ("locked", "locked account", "AccountRestricted", login("locked", RIGHT)),
        ("expired", "expired password", "PasswordExpired", login("expired", RIGHT)),
        ("expired", "changes it", "done", change("expired", RIGHT, NEW)),
        ("expired", "old password", "AuthenticationFailed", login("expired", RIGHT)),
        ("expired", "new password", "let in", login("expired", NEW)),
    ]


def outcome_of(attempt: Attempt) -> str:
    """Return what came of it, in a word."""
    try:
        identity = attempt()
    except AuthenticationError as error:
        return type(error).__name__
    return "done" if identity is None else "let in"


def add_people(url: str) -> None:
    """Put three people in the USERLIST, as new as on the first day."""
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
    stored, secrets = PasswordHasher().hash(RIGHT), derive_all(RIGHT)
    people = [
        NewUser(
            name=parse_name("G=John/I=Q/S=Smith/Q=III/OU1=ny/OU2=hq/CN=John Smith"),
            authid="jsmith",
            addresses=("john.smith@example.com", "js@example.com"),
        ),
        NewUser(name=parse_name("Ann Locked/ny"), authid="locked", locked=True),
        NewUser(name=parse_name("Max Expired/ny"), authid="expired"),
    ]
    with UserStore(url) as store:
        for old in list(store.users()):
            store.delete(old)
        for person in people:
            expires = yesterday if person.authid == "expired" else None
            user = store.add(person)
            store.set_password(user, stored, secrets, changed=now, expires=expires)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
