"""Make a configuration folder with a USERLIST, and log people in through every shipped service.

Where a service takes no typed password (smtpd.auth), they log in by SCRAM, as mail programs do.

usage: demo.py FOLDER

Exits with 1 if any login ends otherwise than it should.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from directory_search import main as search_directory
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from scram_client import log_in

from ualauth import AuthenticationError, Authenticator, Config, Outcome, outcome_of_exception
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.names import parse as parse_name
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

SERVICES = ("ual.remote", "smtpd.auth", "pop3", "imap", "omslapdeng")
# Neither directory look-ups nor submission change passwords: users do it where they read mail.
CHANGE_SERVICE = {"omslapdeng": "ual.remote", "smtpd.auth": "ual.remote"}
RIGHT = "correct horse"
WRONG = "incorrect horse"
NEW = "battery staple"


def main(folder: Path) -> int:
    """Run the demonstration in `folder`, and return the exit status."""
    if (folder / "ualauth.toml").exists():
        shutil.rmtree(folder)
    ualauth = Path(sys.executable).with_name("ualauth")
    subprocess.run([ualauth, "--config-dir", folder, "init"], check=True)  # noqa: S603 - our own
    console = Console(highlight=False)
    rows: dict[str, list[str]] = {}
    failures = 0
    hasher = PasswordHasher()
    stored, secrets = hasher.hash(RIGHT), hasher.secrets(RIGHT)
    config = Config.load(folder)
    # Failed logins are answered after a delay, which would only bore.
    config = replace(config, stack=replace(config.stack, fail_delay=False))
    with Authenticator(config) as auth:
        for service in SERVICES:
            add_people(auth.config.userlist_url, stored, secrets)
            for situation, expected, attempt in situations(auth, service):
                outcome = outcome_of(attempt)
                failures += outcome != expected
                mark = "" if outcome == expected else f"[red] (not {expected})"
                rows.setdefault(situation, []).append(f"{outcome}{mark}")
    table = Table(Column(no_wrap=True), *SERVICES, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for situation, outcomes in rows.items():
        table.add_row(situation, *outcomes)
    console.print("\nLogins through the shipped services:", table, sep="\n")
    failures += search_directory(folder)
    console.print(
        "[red]Not all is as it should be." if failures else "[green]All as it should be.",
    )
    console.print(
        f"The folder {folder}/ is yours to play with; the password of jsmith is {RIGHT!r}:\n"
        f"  .venv/bin/ualauth --config-dir {folder} test-auth pop3 jsmith --trace\n"
        f"  .venv/bin/ualauth --config-dir {folder} user list\n"
        f"  .venv/bin/ualauth --config-dir {folder} show pop3",
        markup=False,
        soft_wrap=True,
    )
    return 1 if failures else 0


Attempt = Callable[[], object]


def situations(auth: Authenticator, service: str) -> list[tuple[str, Outcome, Attempt]]:
    """Return situation, expected outcome and what to do, in order."""
    typed = {"PLAIN", "LOGIN"} & set(auth.mechanisms(service, tls=True))

    def type_it(login_name: str, password: str) -> Attempt:
        return lambda: auth.authenticate(service, login_name, password, rhost="192.0.2.7", tls=True)

    def prove_it(login_name: str, password: str) -> Attempt:
        exchange = auth.sasl(service, "SCRAM-SHA-256", rhost="192.0.2.7", tls=True)
        return lambda: log_in(exchange, login_name, password)

    login = type_it if typed else prove_it

    def change(login_name: str, old: str, new: str) -> Attempt:
        where = CHANGE_SERVICE.get(service, service)
        return lambda: auth.change_password(where, login_name, old, new)

    return [
        ("right password", Outcome.GRANTED, login("jsmith", RIGHT)),
        ("  by SCRAM", Outcome.GRANTED, prove_it("jsmith", RIGHT)),
        ("  typed", Outcome.GRANTED if typed else Outcome.REFUSED, type_it("jsmith", RIGHT)),
        ("  by address", Outcome.GRANTED, login("John.Smith@example.com", RIGHT)),
        ("  by O/R name", Outcome.GRANTED, login("John Smith/ny", RIGHT)),
        ("wrong password", Outcome.REFUSED, login("jsmith", WRONG)),
        ("unknown user", Outcome.REFUSED, login("nobody", RIGHT)),
        ("locked account", Outcome.RESTRICTED, login("locked", RIGHT)),
        ("expired password", Outcome.EXPIRED, login("expired", RIGHT)),
        ("  changes it", Outcome.GRANTED, change("expired", RIGHT, NEW)),
        ("  the old one", Outcome.REFUSED, login("expired", RIGHT)),
        ("  the new one", Outcome.GRANTED, login("expired", NEW)),
    ]


def outcome_of(attempt: Attempt) -> Outcome:
    """Return what came of it."""
    try:
        attempt()
    except AuthenticationError as error:
        return outcome_of_exception(error)
    return Outcome.GRANTED


def add_people(url: str, stored: str, secrets: Sequence[ScramSecret]) -> None:
    """Put three people in the USERLIST, as new as on the first day."""
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
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
