"""Show a lockout, grace logins, a forced change, and the import of 50,000 users.

usage: policy.py FOLDER [USERS]

FOLDER is a configuration folder, such as the one that demo.py makes; USERS is how many users are
imported in place of 50,000. Exits with 1 if anything ends otherwise than it should.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from ualauth import AuthenticationError, Authenticator, Config, Outcome, outcome_of_exception
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import LockoutRules
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

RIGHT = "correct horse"
WRONG = "incorrect horse"
NEW = "battery staple"
HOME = "192.0.2.7"
STRANGER = "198.51.100.9"
USERS = 50_000


@dataclass(frozen=True)
class Step:
    """What a user does, and what should come of it."""

    who: str
    password: str
    source: str
    expected: Outcome
    new: str = ""


STEPS: Sequence[Step | str] = (
    "Five wrong passwords lock a user out, for the source that they came from only.",
    *(Step("lucy", WRONG, STRANGER, Outcome.REFUSED) for _ in range(5)),
    Step("lucy", RIGHT, STRANGER, Outcome.REFUSED),
    Step("lucy", RIGHT, HOME, Outcome.GRANTED),
    "An expired password lets in two more times.",
    Step("grace", RIGHT, HOME, Outcome.GRANTED),
    Step("grace", RIGHT, HOME, Outcome.GRANTED),
    Step("grace", RIGHT, HOME, Outcome.EXPIRED),
    "A password that was set by an administrator has to be changed, to a good one.",
    Step("max", RIGHT, HOME, Outcome.EXPIRED),
    Step("max", RIGHT, HOME, Outcome.UNSUITABLE, new="password1"),
    Step("max", RIGHT, HOME, Outcome.GRANTED, new=NEW),
    Step("max", NEW, HOME, Outcome.GRANTED),
)


def main(folder: Path, users: int = USERS) -> int:
    """Run the demonstration in `folder`, and return the exit status."""
    console = Console(highlight=False)
    config = Config.load(folder)
    # As `[lockout]` in ualauth.toml would say it; the delays would only bore.
    rules = LockoutRules(failures=5, failure_delay=0)
    config = replace(config, lockout=rules)
    add_people(config)
    failures = 0
    with Authenticator(config) as auth:
        for step in STEPS:
            if isinstance(step, str):
                console.print(f"\n{step}")
                continue
            outcome, told = outcome_of(auth, step)
            failures += outcome != step.expected
            mark = "" if outcome == step.expected else f"[red] (not {step.expected})"
            what = "another password" if step.new else words_of(step.password)
            said = f"{step.who:6} {what:17} from {step.source:13} {outcome}{mark}"
            console.print(f"  {said}", *([f"    {told}"] if told else []), sep="\n", soft_wrap=True)
    failures += not imports(folder, users, console)
    console.print(
        "[red]Not all is as it should be." if failures else "[green]All as it should be.",
    )
    return 1 if failures else 0


def words_of(password: str) -> str:
    """Return what a password is, without showing it."""
    return {RIGHT: "right password", WRONG: "wrong password", NEW: "the new one"}[password]


def outcome_of(auth: Authenticator, step: Step) -> tuple[Outcome, str]:
    """Return what came of a step, and what the person was told."""
    try:
        if step.new:
            auth.change_password("imap", step.who, step.password, step.new, rhost=step.source)
            return Outcome.GRANTED, ""
        identity = auth.authenticate("imap", step.who, step.password, rhost=step.source, tls=True)
    except AuthenticationError as error:
        return outcome_of_exception(error), " ".join(error.messages)
    return Outcome.GRANTED, " ".join(identity.messages)


def add_people(config: Config) -> None:
    """Put three people in the USERLIST, as new as on the first day."""
    stored = PasswordHasher().hash(RIGHT)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    people = [
        NewUser(name=ORName("Lockout", "Lucy"), authid="lucy", password=stored),
        NewUser(
            name=ORName("Grace", "Ann"),
            authid="grace",
            password=stored,
            password_expires=yesterday,
            policy='{"grace_logins":2}',
        ),
        NewUser(
            name=ORName("Change", "Max"),
            authid="max",
            password=stored,
            must_change_password=True,
        ),
    ]
    with UserStore(config.userlist_url) as store:
        for person in people:
            if (old := store.resolve(person.authid)) is not None:
                store.delete(old)
            store.add(person)


def imports(folder: Path, users: int, console: Console) -> bool:
    """Import many users into a USERLIST of their own, and return whether all are there."""
    console.print(f"\nImport of {users:,} users from a CSV file:")
    ualauth = Path(sys.executable).with_name("ualauth")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        own = Path(name) / "etc"
        subprocess.run([ualauth, "--config-dir", own, "init"], check=True, capture_output=True)  # noqa: S603 - our own
        file = Path(name) / "people.csv"
        with file.open("w", newline="") as target:
            csv.writer(target).writerows(rows(users))
        command: list[str | Path] = [
            ualauth,
            "--config-dir",
            own,
            "user",
            "import",
            file,
            "--format",
            "csv",
        ]
        done = subprocess.run(command, check=False)  # noqa: S603 - our own
        with UserStore(Config.load(own).userlist_url) as store:
            last = store.resolve(f"user{users - 1}@example.com")
        return done.returncode == 0 and last is not None


def rows(users: int) -> Iterator[Sequence[str]]:
    """Return the file: a header, and a user a line."""
    stored = PasswordHasher().hash(RIGHT)
    yield ("authid", "name", "addresses", "password")
    for number in range(users):
        yield (f"user{number}", f"User Number{number}/ny", f"user{number}@example.com", stored)


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
