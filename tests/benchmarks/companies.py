"""Hosted companies: what an operation costs among very many, against one alone.

usage: python -m tests.benchmarks.companies [COMPANIES]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count

from tests import postgresql
from tests.benchmarks.page import PAGE, Row, section, update
from tests.benchmarks.timing import side_by_side
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.database.view import View
from ualauth.userlist.listing import UserFilter
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

TITLE = "Hosted companies"
HOW = """
One USERLIST with very many companies of 100 users each, and one with a single such company. Both
are asked the same, in turn: medians. What is looked at is the same number of rows in both, which
a test counts; indexes are deeper, and less of them is in the processor's caches. PostgreSQL has
its policies of row-level security.
"""

COMPANIES = 10_000
USERS = 100
_AT_A_TIME = 20_000
_ROUNDS = 40


def rows() -> list[Row]:
    """Measure with ten thousand companies; this takes minutes, and 3 GB of disk."""
    return measure(COMPANIES)


def measure(companies: int) -> list[Row]:
    """Measure with this many companies."""
    measured = []
    with tempfile.TemporaryDirectory() as name:
        urls = [f"sqlite:///{name}/{number}.db" for number in (1, companies)]
        measured += _measured("SQLite", urls, companies)
    with postgresql.running() as server:
        urls = []
        for number in (1, companies):
            server.create(f"companies_{number}")
            urls.append(server.url(f"companies_{number}"))
        measured += _measured("PostgreSQL", urls, companies)
    return measured


def _measured(kind: str, urls: Sequence[str], companies: int) -> list[Row]:
    with ExitStack() as stack:
        one, many = (
            stack.enter_context(host(url, number))
            for url, number in zip(urls, (1, companies), strict=True)
        )
        questions = [dict(_questions(store)) for store in (one, many)]
        measured = []
        for what, alone in questions[0].items():
            ours, peer = side_by_side(questions[1][what], alone, rounds=_ROUNDS, calls=5)
            measured.append(
                Row(
                    f"{kind}: {what}, {companies:,} companies",
                    f"{ours * 1e6:.0f} µs",
                    f"one company {peer * 1e6:.0f} µs",
                    f"{ours / peer:.2f}",
                    "1.5 or less",
                )
            )
        return measured


def host(url: str, companies: int) -> UserStore:
    """Return a new USERLIST with this many companies."""
    store = UserStore(url)
    store.create()
    users: list[NewUser] = []
    for company in range(companies):
        name = f"c{company}"
        store.companies.add(NewCompany(name=name, domains=(f"{name}.example",)))
        for number in range(USERS):
            authid = f"u{number}@{name}.example"
            node = ORName(f"Smith{number}", "Jo", ou1=name)
            is_first = number == 0
            users.append(NewUser(authid=authid, name=node, administrator=is_first))
        if len(users) >= _AT_A_TIME or company == companies - 1:
            store.add_many([rows_of(user, (), 1) for user in users])
            users.clear()
    store.companies.switch_on(store.companies.plan())
    return store


def _questions(store: UserStore) -> Iterator[tuple[str, Callable[[], object]]]:
    numbers = count(USERS)
    company = store.companies.get("c0")
    seen = store.seen_by(View.of(company.id))

    def add_and_delete() -> None:
        number = next(numbers)
        node = ORName(f"Smith{number}", "Jo", ou1="c0")
        seen.delete(seen.add(NewUser(authid=f"u{number}@c0.example", name=node)))

    yield "authid, as a login asks", lambda: store.resolve("u7@c0.example")
    yield "O/R name with the mail node", lambda: store.resolve("Jo Smith7/c0")
    yield "authid, as a company asks", lambda: seen.get("u7@c0.example")
    yield "list of a company's users", lambda: list(seen.list_users(UserFilter()))
    yield "size of a company", lambda: store.companies.size(company)
    yield "adding and deleting a user of a company", add_and_delete


def main() -> None:
    """Print the rows; write the section of the page if it is as many companies as it says."""
    companies = int(sys.argv[1]) if len(sys.argv) > 1 else COMPANIES
    if companies == COMPANIES:
        text = section(sys.modules[__name__])
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(update(page, [], {TITLE: text}), encoding="utf-8")
        sys.stdout.write(f"{TITLE}\n{text}\n")
        return
    for row in measure(companies):
        sys.stdout.write(f"{row.what}: {row.ours} ({row.peer}; {row.result}; {row.target})\n")


if __name__ == "__main__":
    main()
