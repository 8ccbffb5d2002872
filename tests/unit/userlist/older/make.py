"""Make a database as an older version of this library does, as a text of SQL.

usage: PYTHONPATH=FOLDER python .../older/make.py > .../older/0005.sql

FOLDER has the package of that version, such as `git archive COMMIT ualauth | tar -x -C FOLDER`
leaves it. Users are added by its own code; what it notes of logins, by SQL.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

# The names that every version has.
from ualauth.passwords.scram import derive
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

PASSWORD = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
"""Of `secret`."""
_THEN = datetime(2020, 1, 1, tzinfo=UTC)
USERS = (
    NewUser(
        authid="ann",
        name=ORName("Miller", "Ann", "Q", "Jr", "Annie", "ny", "hq"),
        addresses=("ann@example.com", "b\N{LATIN SMALL LETTER U WITH DIAERESIS}@example.com"),
        administrator=True,
        unix_uid=1001,
    ),
    NewUser(authid="Bob", name=ORName("Stra\N{LATIN SMALL LETTER SHARP S}e", "Bob"), locked=True),
    NewUser(authid="cyd", name=ORName("", common_name="Cyd"), account_expires=_THEN),
)
_LATER = {
    "former_passwords": f"INSERT INTO former_passwords VALUES (1, 1, '{PASSWORD}')",
    "login_failures": "INSERT INTO login_failures VALUES (x'00', 'here', '1', 0, 9000000000000000)",
}
"""Table -> what is noted in it, where there is one."""


def main() -> None:
    """Write the text to standard output."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "userlist.db"
        store = UserStore(f"sqlite:///{path}")
        store.create()
        for new in USERS:
            user = store.add(new)
            secrets = [derive("SCRAM-SHA-256", "secret", salt=b"salt" * 4, iterations=4096)]
            store.set_password(user, PASSWORD, secrets, changed=_THEN, expires=None)
        store.close()
        with closing(sqlite3.connect(path)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            for table, statement in _LATER.items():
                if table in tables:
                    connection.execute(statement)
            lines = [line for line in connection.iterdump() if not _INDEX.search(line)]
            if "search_texts" in tables:
                lines[-1:-1] = _index(connection)
            sys.stdout.writelines(f"{line}\n" for line in lines)


_INDEX = re.compile(r"PRAGMA writable_schema|^[^(]*['\" ]search_texts|'search_texts'")
"""What a dump has of the index of searches, without what it needs to be read."""


def _index(connection: sqlite3.Connection) -> Iterator[str]:
    """Return the statements that make that index as it is."""
    question = "SELECT sql FROM sqlite_master WHERE name = 'search_texts'"
    yield f"{connection.execute(question).fetchone()[0]};"
    names = "rowid, names, logins, node"
    marks = ", ".join(f"quote({each})" for each in names.split(", "))
    for row in connection.execute(f"SELECT {marks} FROM search_texts"):
        yield f"INSERT INTO search_texts ({names}) VALUES ({', '.join(row)});"


if __name__ == "__main__":
    main()
