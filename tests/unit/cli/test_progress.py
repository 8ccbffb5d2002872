"""`ualauth userlist progress`: who has moved in, and who not, by domain."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.unit.cli.conftest import Program
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.names import ORName
from ualauth.userlist.record import LastLogin, NewUser

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


@pytest.fixture
def moving(program: Program) -> Program:
    """Two domains, and a user of none."""
    users = program.userlist
    ann = users.add("ann", "s3cret", addresses=("ann@example.com", "ann@example.org"))
    bob = users.add("bob", addresses=("bob@Example.COM",))
    users.add("carl", addresses=("carl@example.com",), locked=True)
    users.add("dora@xn--bcher-kva.example")
    users.add("emil@bücher.example", "s3cret")
    # As an import makes users to whom the file gives no password.
    users.store.add(NewUser(authid="root", name=ORName(surname="root"), password="*"))
    logins = {
        ann.id: LastLogin(MONDAY + timedelta(hours=2), "imap", "192.0.2.7"),
        bob.id: LastLogin(MONDAY, "pop3", ""),
    }
    users.store.note_logins(logins, timedelta(hours=1))
    return program


def objects(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_domains_are_counted_with_their_last_logins(moving: Program) -> None:
    none, com, books = objects(moving.succeed("userlist", "progress", "--json"))
    assert com == {
        "domain": "example.com",
        "users": 3,
        "moved": 1,
        "left": 2,
        "left_never_seen": 1,
        "left_locked": 1,
        "last_login": {
            "time": "2026-11-23T10:30:00+00:00",
            "service": "imap",
            "source": "192.0.2.7",
        },
    }
    assert (none["domain"], none["users"], none["moved"]) == ("", 1, 0)
    # Both spellings of a domain are one.
    assert (books["domain"], books["users"], books["left"]) == ("xn--bcher-kva.example", 2, 1)


def test_the_table_has_a_line_for_each_domain_and_one_for_all(moving: Program) -> None:
    shown = moving.succeed("userlist", "progress")
    lines = [line.split() for line in shown.splitlines()]
    assert ["xn--bcher-kva.example", "2", "1", "1", "1", "0"] in lines
    assert ["(no", "domain)", "1", "0", "1", "1", "0"] in lines
    assert ["all", "6", "2", "4", "3", "1"] in lines


def test_users_are_listed_with_their_last_logins(moving: Program) -> None:
    left = moving.succeed("userlist", "progress", "--left", "--domain", "example.com")
    bob, carl = left.splitlines()
    assert bob.startswith("bob  2026-11-23")
    assert bob.endswith(", pop3")
    assert carl == "carl  none  (locked)"
    rows = csv.DictReader(io.StringIO(moving.succeed("userlist", "progress", "--moved", "--csv")))
    assert [(row["authid"], row["moved"], row["last_login"]) for row in rows] == [
        ("ann", "yes", "2026-11-23T10:30:00+00:00"),
        ("emil@bücher.example", "yes", ""),
    ]


@pytest.mark.parametrize("domain", ["example.org", "@EXAMPLE.org"])
def test_a_user_of_several_domains_counts_in_the_one_asked_for(
    moving: Program, domain: str
) -> None:
    (only,) = objects(moving.succeed("userlist", "progress", "--json", "--domain", domain))
    assert (only["domain"], only["users"], only["moved"]) == ("example.org", 1, 1)


def test_an_empty_userlist_and_a_domain_of_no_user_are_empty(program: Program) -> None:
    assert objects(program.succeed("userlist", "progress", "--json")) == []
    assert program.succeed("userlist", "progress", "--left", "--domain", "example.net") == ""
    refused = program.run("userlist", "progress", "--domain", "a\x1bb")
    assert refused.exit_code != 0
    assert "\x1b" not in refused.output


def test_ten_thousand_users_more_take_one_question_more(program: Program) -> None:
    count = 20_000
    users = (
        NewUser(name=ORName(surname=f"s{number}"), authid=f"u{number}@d{number % 7}.example")
        for number in range(count)
    )
    program.userlist.store.add_many([rows_of(each, (), 0) for each in users])
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        shown = objects(program.succeed("userlist", "progress", "--json"))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert sum(int(str(each["users"])) for each in shown) == count
    assert len(shown) == 7
    assert len([each for each in asked if each.startswith("SELECT")]) <= 5
