"""A name that another company has is answered after the work that one takes which none has."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, event

from ualauth.errors import UserError
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.database.view import View
from ualauth.userlist.group_record import NewGroup
from ualauth.userlist.listing import UserFilter
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

COMPANIES = ("acme", "bolt")
MANY = 40
"""Users of each company: tables with pages enough that a scan would be seen."""


class Work(NamedTuple):
    """What a question took: the statements without their values, and SQLite's instructions."""

    statements: tuple[str, ...]
    instructions: int
    answer: str


class Meter:
    """Counts the work of all connections that are opened while it is there."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.instructions = 0

    def connected(self, connection: sqlite3.Connection, _: object) -> None:
        def step() -> int:
            self.instructions += 1
            return 0

        connection.set_trace_callback(self.statements.append)
        connection.set_progress_handler(step, 1)

    def of(self, ask: Callable[[str], object], name: str) -> Work:
        self.statements.clear()
        self.instructions = 0
        try:
            answer = repr(ask(name))
        except UserError as error:
            answer = f"{type(error).__name__}: {error}"
        texts = tuple(_without_values(text) for text in self.statements)
        return Work(texts, self.instructions, answer.replace(name, "NAME"))


def _without_values(text: str) -> str:
    return re.sub(r"'(?:[^']|'')*'|[xX]'[0-9a-fA-F]*'|\b\d+\b", "?", text)


@contextlib.contextmanager
def metered() -> Iterator[Meter]:
    meter = Meter()
    event.listen(Engine, "connect", meter.connected)
    try:
        yield meter
    finally:
        event.remove(Engine, "connect", meter.connected)


def host(path: Path, companies: Sequence[str], users: int = MANY) -> UserStore:
    """Return a store that has no connection yet, of companies with the same users each."""
    url = f"sqlite:///{path}"
    with UserStore(url) as store:
        store.create()
        new = []
        for name in companies:
            store.companies.add(NewCompany(name=name, domains=(f"{name}.example",)))
            for number in range(users):
                orname = ORName(f"smith{number}", "bob", ou1=name)
                authid = f"u{number:02}@{name}.example"
                user = NewUser(authid=authid, name=orname, addresses=(f"a{authid}",))
                new.append(rows_of(user, (), 1))
            node = ORName("", common_name="All", ou1=name)
            group = NewGroup(name=f"g00@{name}.example", or_name=node)
            store.groups.add(group)
        assert not any(store.add_many(new))
        store.companies.switch_on(store.companies.plan())
    return UserStore(url)


@pytest.fixture
def hosted(path: Path) -> UserStore:
    return host(path, COMPANIES)


# Both names are as long, and stand in the middle of what the other company has.
PAIRS = (
    ("u20@bolt.example", "u2x@bolt.example"),
    ("au20@bolt.example", "au2x@bolt.example"),
    ("bob smith20/bolt", "bob smith2x/bolt"),
    ("g00@bolt.example", "g0x@bolt.example"),
    ("bolt.example", "volt.example"),
)
MOST_MORE = 30
"""Instructions of the look-up of one row by its id, which tells that it is another company's."""
MOST_LOOK_UPS = 6
"""Of all rows that a name may mean: by its keys, its parts and the names of groups."""
SAMPLES = 300


def _questions(seen: UserStore) -> dict[str, Callable[[str], object]]:
    own = seen.get("u01@acme.example")

    def new(name: str) -> NewUser:
        return NewUser(authid=name, name=ORName("new", ou1="acme"))

    return {
        "get": seen.get,
        "resolve": seen.resolve,
        "fitting": seen.fitting,
        "by_address": seen.by_address,
        "by_authid": seen.by_authid,
        "failure_keys": lambda name: len(seen.failure_keys(name)),
        "list": lambda name: list(seen.list_users(UserFilter(match=name))),
        "group": seen.groups.get,
        "company": seen.companies.get,
        "add": lambda name: seen.add(new(name)),
        "update": lambda name: seen.update(own, addresses=(name,)),
        "member": lambda name: seen.groups.update(
            seen.groups.get("g00@acme.example"), add_members=(name,)
        ),
    }


def test_a_name_of_another_company_takes_the_work_of_one_that_none_has(hosted: UserStore) -> None:
    with metered() as meter, hosted:
        seen = hosted.seen_by(View.of(hosted.companies.get("acme").id))
        for question, ask in _questions(seen).items():
            for taken, free in PAIRS:
                for name in (taken, free):
                    # What is compiled is kept.
                    meter.of(ask, name)
                theirs, none = meter.of(ask, taken), meter.of(ask, free)
                assert theirs.answer == none.answer, question
                assert theirs.statements == none.statements, question
                difference = abs(theirs.instructions - none.instructions)
                assert difference <= MOST_MORE * MOST_LOOK_UPS, (question, taken)


def test_and_the_time(hosted: UserStore) -> None:
    """Medians of samples that are taken in turn: whatever else the host does, it does to both."""
    times: dict[str, list[int]] = {name: [] for name in PAIRS[0]}
    with hosted:
        seen = hosted.seen_by(View.of(hosted.companies.get("acme").id))
        for _ in range(SAMPLES):
            for name, taken in times.items():
                begin = time.perf_counter_ns()
                with contextlib.suppress(UserError):
                    seen.get(name)
                taken.append(time.perf_counter_ns() - begin)
    theirs, none = (statistics.median(taken) for taken in times.values())
    assert 0.5 < theirs / none < 2


def _more_questions(store: UserStore) -> dict[str, Callable[[str], object]]:
    company = store.companies.get("acme")
    seen = store.seen_by(View.of(company.id))
    return {
        "users": lambda _: list(seen.users()),
        "groups": lambda _: list(seen.groups.all()),
        "companies": lambda _: list(seen.companies.all()),
        "size": lambda _: store.companies.size(company),
        "administrators": lambda _: store.companies.administrators(company),
        "by its domain": lambda _: store.companies.get("acme.example"),
        "login": store.resolve,
        "O/R name": lambda _: store.resolve("smith20/acme"),
        **_questions(seen),
        "delete": lambda name: seen.delete(seen.get(name)),
    }


def test_a_question_costs_the_same_however_many_companies_there_are(tmp_path: Path) -> None:
    """Instructions of SQLite count each row that is looked at, and no depth of an index."""
    of_few: dict[str, int] = {}
    for count in (2, 100):
        names = (*COMPANIES, *(f"c{number}" for number in range(count - 2)))
        with metered() as meter, host(tmp_path / f"{count}.db", names) as store:
            for question, ask in _more_questions(store).items():
                work = meter.of(ask, "u20@acme.example")
                assert of_few.setdefault(question, work.instructions) == work.instructions, question


@pytest.mark.parametrize(
    "name",
    [
        "u20@acme.example",
        "au20@acme.example",
        "bob smith20/acme",
        "smith20/acme",
        "/acme/CN=none",
        "bob smith20/acme,hq",
        "none@acme.example",
    ],
)
def test_a_login_costs_the_same_however_many_users_a_company_has(tmp_path: Path, name: str) -> None:
    costs = set()
    for users in (MANY, 10 * MANY):
        with metered() as meter, host(tmp_path / f"{users}.db", COMPANIES, users) as store:
            costs.add(meter.of(store.resolve, name).instructions)
    assert len(costs) == 1
