"""A large USERLIST in PostgreSQL: how fast it is filled and copied, names resolved, users let in.

usage: python -m tests.benchmarks.userlist_postgresql [USERS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path

import psycopg

from tests import postgresql
from tests.benchmarks.page import Row, measure_scaled
from tests.benchmarks.userlist_scale import KINDS, Imported, copying, import_users, row_of
from ualauth import Authenticator
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.text.folding import fold
from ualauth.userlist.database.tables import metadata
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

TITLE = "A large USERLIST in PostgreSQL"
HOW = """
A server of its own on loopback, with `fsync` and `full_page_writes` as they are by default, and
256 MB of `shared_buffers`. The users are those of [a large USERLIST](#a-large-userlist).

**Import** is `ualauth user import` as a whole; bare PostgreSQL's side is `COPY ... FROM` of the
same rows into the same tables and indexes, in one transaction, without checking anything.
Processor time is that of ualauth's processes, without the server's.

**Names** are asked for as in SQLite, and bare PostgreSQL reads the record of another user by authid
in turn, with a prepared `SELECT` of one join by the same driver.

**A login** is `authenticate()` on `om_auth` with a password that was verified before: PostgreSQL
cannot tell that nothing changed, so it reads the record, and the failed logins.
"""

USERS = 200_000
_LOGINS = 50
_ROUNDS = 8
_SETTINGS = (
    "fsync=on",
    "full_page_writes=on",
    "shared_buffers=256MB",
    "autovacuum=on",
    "max_wal_size=4GB",
)
_BARE = "SELECT users.* FROM login_names JOIN users ON users.id = user_id WHERE key = %s"


def rows() -> list[Row]:
    """Measure with 200,000 users; this takes some minutes."""
    return measure(USERS)


def measure(users: int) -> list[Row]:
    """Measure with this many users."""
    with postgresql.running(*_SETTINGS) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for database in ("many", "bare"):
            server.create(database)
        url = server.url("many")
        imported = import_users(folder / "many", users, f'[userlist]\nurl = "{url}"\n')
        server.execute("many", "ANALYZE")
        seconds = _fill_bare(server, folder)
        return [
            Row(
                f"import of {users:,} users",
                f"{users / imported.seconds:,.0f} users/s",
                f"bare PostgreSQL {users / seconds:,.0f} users/s",
                f"1/{imported.seconds / seconds:.1f}",
            ),
            Row(
                "processor time of it, in both processes together",
                f"{imported.processor / users * 1e6:.1f} µs a user",
            ),
            *_resolving(server, url, imported),
            _login(server, url, imported, folder / "etc"),
            copying(url, users, folder / "copy.db"),
        ]


def _fill_bare(server: postgresql.Server, folder: Path) -> float:
    """Return the seconds that PostgreSQL takes to fill tables alike."""
    with UserStore(server.url("bare")) as store:
        store.create()
    tables = metadata.sorted_tables
    with closing(server.connect("many")) as source:
        for table in tables:
            with (
                (folder / table.name).open("wb") as file,
                source.cursor() as cursor,
                cursor.copy(f"COPY {table.name} TO STDOUT".encode()) as copy,
            ):
                for data in copy:
                    file.write(data)
    with closing(psycopg.connect(server.url("bare"))) as connection:
        connection.execute("DELETE FROM keys")
        connection.commit()
        begun = time.perf_counter()
        for table in tables:
            with (
                (folder / table.name).open("rb") as file,
                connection.cursor() as cursor,
                cursor.copy(f"COPY {table.name} FROM STDIN".encode()) as copy,
            ):
                while data := file.read(1 << 16):
                    copy.write(data)
        connection.commit()
        return time.perf_counter() - begun


def _resolving(server: postgresql.Server, url: str, imported: Imported) -> Iterator[Row]:
    """Yield a row for each kind of name, and one for names that several users have."""
    share = len(imported.some) // (len(KINDS) + 1)
    others = cycle(fold(user.authid) for user in imported.some[share * len(KINDS) :])
    several: list[tuple[float, float]] = []
    with UserStore(url) as store, closing(server.connect("many")) as bare:
        bare.prepare_threshold = 0
        for index, (kind, name_of) in enumerate(KINDS.items()):
            times: list[tuple[float, float]] = []
            for user in imported.some[index * share : (index + 1) * share]:
                begun = time.perf_counter()
                resolved = store.resolve(name_of(user))
                ours = time.perf_counter() - begun
                theirs = _bare(bare, next(others))
                if resolved is not None and resolved.authid != user.authid:
                    raise RuntimeError(f"{name_of(user)} is not {resolved.authid}")
                (several if resolved is None else times).append((ours, theirs))
            yield row_of(f"{kind}, {len(times)} of them", times, "PostgreSQL")
        if several:
            what = f"shortened O/R name of several users, {len(several)} of them"
            yield row_of(what, several, "PostgreSQL")


def _bare(connection: psycopg.Connection, key: str) -> float:
    begun = time.perf_counter()
    connection.execute(_BARE, (key,)).fetchall()
    return time.perf_counter() - begun


def _login(server: postgresql.Server, url: str, imported: Imported, folder: Path) -> Row:
    """Return the row of a login with a password that was verified before."""
    etc = ConfigFolder(folder)
    etc.settings(
        f'[userlist]\nurl = "{url}"\n\n'
        "[password]\nargon2_passes = 1\nargon2_lanes = 1\nargon2_memory = 8\n"
    )
    etc.service("pop3", "auth required om_auth\naccount required om_auth\n")
    stored = PasswordHasher(profile=CHEAPEST_FOR_TESTS).hash("secret")
    names = [f"benchmark{number}" for number in range(_LOGINS)]
    with UserStore(url) as store:
        for name in names:
            store.add(NewUser(authid=name, name=ORName(name), password=stored))
    others = cycle(fold(user.authid) for user in imported.some)
    times: list[tuple[float, float]] = []
    with Authenticator(etc.config()) as authenticator, closing(server.connect("many")) as bare:
        bare.prepare_threshold = 0
        for turn in range(_ROUNDS):
            for name in names:
                begun = time.perf_counter()
                authenticator.authenticate("pop3", name, "secret", rhost="192.0.2.7", tls=True)
                ours = time.perf_counter() - begun
                if turn:
                    times.append((ours, _bare(bare, next(others))))
    return row_of(f"login, password verified before, {len(times)} of them", times, "PostgreSQL")


if __name__ == "__main__":
    measure_scaled(sys.modules[__name__])
