"""Imports that are killed at any moment, and run again."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.seeds import SEED, rounds
from ualauth.import_export import csv_
from ualauth.import_export.line import Writing
from ualauth.passwords.scram import MECHANISMS, ScramSecret
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

NOW = datetime(2024, 1, 1, tzinfo=UTC)
KILLS = rounds(20)
USERS = 1500
SIZES = {"SCRAM-SHA-1": 20, "SCRAM-SHA-256": 32, "SCRAM-SHA-512": 64}
IMPORT = """\
import os, sys
from pathlib import Path
from ualauth.import_export import importer as importing, reader as source
from ualauth.import_export.line import Reading
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.store import UserStore
importing.TRANSACTION = 50
while sys.stdin.readline():
    child = os.fork()
    if not child:
        with UserStore(sys.argv[1]) as store:
            work = importing.Import(store, importing.Existing.SKIP, PasswordHasher(), print)
            with source.Source("csv", Reading(), 50).open(Path(sys.argv[2])) as batches:
                for _ in work.write(batches):
                    pass
            assert work.summary.bad == 0
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def _known(number: int) -> tuple[User, tuple[ScramSecret, ...]]:
    new = NewUser(
        name=ORName(f"Name{number}", "Ann", ou1="ny"),
        authid=f"user{number}",
        addresses=(f"user{number}@x.org", f"alias{number}@x.org"),
        password=f"$6${number:08}${'x' * 86}",
    )
    values = {field: getattr(new, field) for field in NewUser.__dataclass_fields__}
    secrets = tuple(
        ScramSecret(each, f"{number:08}".encode(), 4096, b"s" * SIZES[each], b"k" * SIZES[each])
        for each in MECHANISMS
    )
    return User(**values, id=1, revision=1, created=NOW, changed=NOW), secrets


def check(path: Path) -> int:
    """Fail if any user is there in part; return how many there are."""
    with sqlite3.connect(path) as database:
        counts = [
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("users", "or_names", "login_names", "addresses", "sasl_passwords")
        ]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        wrong = database.execute(
            "SELECT count(*) FROM users JOIN sasl_passwords ON user_id = users.id "
            "WHERE substr(password, 4, 8) <> CAST(salt AS TEXT)",
        ).fetchone()
        assert wrong == (0,)
    database.close()
    users = counts[0]
    assert counts == [users, users, 3 * users, 2 * users, 3 * users]
    return int(users)


@pytest.mark.timeout(600)
def test_an_import_that_is_killed_leaves_whole_users_and_goes_on(tmp_path: Path) -> None:
    path, file = tmp_path / "userlist.db", tmp_path / "users.csv"
    file.write_text("".join(csv_.write(map(_known, range(USERS)), Writing())))
    url = f"sqlite:///{path}"
    chance, cut_short = random.Random(SEED), 0
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, url, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        given, told = worker.stdin, worker.stdout
        assert given is not None
        assert told is not None

        def run(patience: float | None) -> int:
            given.write("\n")
            given.flush()
            child = int(told.readline())
            if patience is not None:
                time.sleep(patience)  # the moment is what is tested
                # Until the worker is told to, it does not look: the number stays the child's.
                os.kill(child, signal.SIGKILL)
            given.write("\n")
            given.flush()
            return int(told.readline())

        with UserStore(url) as store:
            store.create()
        start = time.monotonic()
        assert run(None) == 0
        with_users = time.monotonic() - start
        assert check(path) == USERS
        for kill in range(KILLS):
            if check(path) == USERS:
                for each in tmp_path.glob("userlist.db*"):
                    each.unlink()
                with UserStore(url) as store:
                    store.create()
            before = check(path)
            ended = run(chance.uniform(0, with_users))
            assert ended in {0, -signal.SIGKILL}
            assert check(path) >= before, kill
            cut_short += 0 < check(path) < USERS
        assert run(None) == 0
        assert check(path) == USERS
        given.close()
    assert cut_short
    with UserStore(url) as store:
        expected = {known[0].authid: known for known in map(_known, range(USERS))}
        for user in store.users():
            known, secrets = expected.pop(user.authid)
            assert (user.name, user.addresses, user.password) == (
                known.name,
                known.addresses,
                known.password,
            )
            assert set(store.secrets(user)) == set(secrets)
    assert not expected
