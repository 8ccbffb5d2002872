"""A first run of synchronization from OpenLDAP, against fetching the same entries alone.

usage: python -m tests.benchmarks.synchronization [USERS]
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.page import Row, measure_scaled
from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from ualauth.ldap.client.blocking import BLOCKING
from ualauth.ldap.client.operations import Operations
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.products import Product
from ualauth.sync.run import run
from ualauth.sync.sources.asking import ask
from ualauth.sync.sources.reading import user_search
from ualauth.testing.userlist import Userlist

TITLE = "Synchronization"
USERS = 100_000
HOW = f"""
`python -m tests.benchmarks.synchronization` measures this. {USERS:,} users of an OpenLDAP server
(mdb, syncprov) on the same host become users of an empty USERLIST in SQLite, every change on the
disk: from the start of the run to its end, without a password for any of them. The peer asks
for the same attributes of the same entries, page by page, and keeps them as they came. The run
without changes follows. By `syncrepl` it gets no entry
(tests/integration/sync/test_openldap_changes.py counts them), and reads none of the users from the
USERLIST.

The target of the first run is missed. Most of it is what any import takes: a fifth of the time
reads values, a third plans, and half writes rows and the index of searches.
"""
_AFTER = (
    "overlay syncprov\nsyncprov-checkpoint 1000 60\nsyncprov-sessionlog 1000\n"
    "index entryCSN,entryUUID eq\n"
)


def rows() -> list[Row]:
    """Measure with the number of the page."""
    return measure(USERS)


def measure(users: int) -> list[Row]:
    """Measure with that many users."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority(folder)
        with slapd.running(
            authority, before="moduleload syncprov", after=_AFTER, entries=_entries(users)
        ) as server:
            secret = folder / "secret"
            secret.write_text(people.READER.password)
            secret.chmod(0o600)
            agreement = Agreement(
                name="staff",
                product=Product.OPENLDAP,
                uris=(server.uri,),
                base=people.PEOPLE,
                bind_dn=people.READER.name,
                password_file=str(secret),
                tls=False,
            )
            # Once before, so that the server has the entries in memory.
            _seconds(lambda: _fetch(agreement))
            alone = _seconds(lambda: _fetch(agreement))
            measured = []
            for source in (Source.FULL, Source.SYNCREPL):
                measured += _runs(folder / source.value, agreement, source, alone)
    return measured


def _runs(folder: Path, agreement: Agreement, source: Source, alone: float) -> list[Row]:
    folder.mkdir()
    userlist = Userlist.create(folder)
    asked = dataclasses.replace(agreement, source=source)
    userlist.store.transaction(lambda connection: agreements.add(connection, asked))
    first = _seconds(lambda: run(userlist.store, "staff"))
    again = _seconds(lambda: run(userlist.store, "staff"))
    userlist.close()
    peer = f"fetching alone {alone:.1f} s"
    return [
        Row(
            f"first run, source `{source.value}`",
            f"{first:.1f} s",
            peer,
            f"{first / alone:.2f}",
            "2 or less",
        ),
        Row(
            f"a run without changes, source `{source.value}`",
            f"{again:.2f} s",
            peer,
            f"{again / alone:.2f}",
        ),
    ]


def _fetch(agreement: Agreement) -> None:
    async def action(on: Operations) -> int:
        return len(await on.search(BLOCKING, user_search(agreement)))

    ask(agreement, action)


def _entries(users: int) -> str:
    return "".join(
        f"dn: uid=user{number},{people.PEOPLE}\nobjectClass: inetOrgPerson\nuid: user{number}\n"
        f"cn: User {number}\ngivenName: User\nsn: Number {number}\n"
        f"mail: user{number}@example.com\n\n"
        for number in range(users)
    )


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    import tests.benchmarks.synchronization as subject

    measure_scaled(subject)
