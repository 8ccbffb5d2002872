"""Two administrators change one user at the same time: one does, and the other is told."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from click.testing import CliRunner

from tests.faults.editing import DONE, STALE, administrate, edit
from tests.faults.processes import PATIENCE, children
from tests.seeds import rounds
from ualauth.cli.application import application
from ualauth.passwords.scram import MECHANISMS, ScramSecret
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record import User

ROUNDS = rounds(200)


def changes(number: int) -> list[dict[str, Any]]:
    """Return what each of four administrators wants, no two the same fields."""
    salt = f"salt-{number}".encode()
    secrets = [ScramSecret(name, salt, 4096, salt, salt) for name in MECHANISMS]
    return [
        {"language": f"x-l{number}", "addresses": (f"anna-{number}@example.org",)},
        {"password": f"hash-{number}", "secrets": secrets},
        {"lock_reason": f"reason {number}", "locked": number % 2 == 1},
        {"policy": f'{{"grace_logins":{number}}}'},
    ]


def expected(userlist: Userlist, before: User, change: dict[str, Any]) -> None:
    """Assert that exactly one change was made, whole, to what there was before."""
    after = userlist.store.get("anna")
    wanted = {name: value for name, value in change.items() if name != "secrets"}
    for name in ("language", "addresses", "password", "lock_reason", "locked", "policy"):
        assert getattr(after, name) == wanted.get(name, getattr(before, name)), name
    assert after.revision == before.revision + 1
    salts = {secret.salt for secret in userlist.store.secrets(after)}
    password = after.password or ""
    assert salts == ({password.replace("hash", "salt").encode()} if "hash-" in password else set())


def test_of_threads_with_the_same_record_one_changes_it(
    userlist: Userlist, tell: Callable[[str], None]
) -> None:
    userlist.add("anna", "violet 7 anchor")
    barrier = threading.Barrier(4)

    def work(user: User, change: dict[str, Any]) -> str:
        barrier.wait(PATIENCE)
        return edit(userlist.store, user, change)

    winners = set()
    with ThreadPoolExecutor(4) as pool:
        for number in range(ROUNDS):
            before = userlist.store.get("anna")
            wanted = changes(number + 1)
            outcomes = list(pool.map(work, [before] * 4, wanted))
            assert sorted(outcomes) == [DONE, STALE, STALE, STALE]
            winners.add(outcomes.index(DONE))
            expected(userlist, before, wanted[outcomes.index(DONE)])
    assert len(winners) > 1
    tell(f"administrators, 4 threads: {ROUNDS} changes made, {3 * ROUNDS} refused and told")


def test_of_processes_with_the_same_record_one_changes_it(
    folder: ConfigFolder, userlist: Userlist, tell: Callable[[str], None]
) -> None:
    userlist.add("anna", "violet 7 anchor")
    url = folder.config().userlist_url
    with children(*((administrate, url) for _ in range(4))) as administrators:
        for number in range(ROUNDS):
            before = userlist.store.get("anna")
            wanted = changes(number + 1)
            for each, change in zip(administrators, wanted, strict=True):
                assert each.ask(change) == "read"
            for each in administrators:
                each.send("now")
            answers = [each.receive() for each in administrators]
            assert {revision for _, revision in answers} == {before.revision}
            outcomes = [answer for answer, _ in answers]
            assert sorted(outcomes) == [DONE, STALE, STALE, STALE]
            expected(userlist, before, wanted[outcomes.index(DONE)])
    tell(f"administrators, 4 processes: {ROUNDS} changes made, {3 * ROUNDS} refused and told")


class Typing(io.BytesIO):
    """Standard input on which an administrator types after `before` was called."""

    def __init__(self, text: bytes, before: Callable[[], object]) -> None:
        """Keep what is typed."""
        super().__init__(text)
        self.before = before

    def __next__(self) -> bytes:
        """Return the next line."""
        self.before()
        return super().__next__()


def test_the_program_tells_who_came_too_late(folder: ConfigFolder, userlist: Userlist) -> None:
    """`ualauth user passwd` reads the record, and then waits for the password."""
    user = userlist.add("anna", "violet 7 anchor")
    typing = Typing(
        b"copper 6 lantern\n",
        before=lambda: userlist.store.update(user, locked=True),
    )
    command = ("--config-dir", str(folder.path), "user", "passwd", "anna", "--password-stdin")
    result = CliRunner().invoke(application, command, input=typing)
    assert result.exit_code == 1
    assert not result.stdout
    assert "was changed in the meantime: read it again" in result.stderr
    after = userlist.store.get("anna")
    assert after.locked
    assert after.password == user.password
