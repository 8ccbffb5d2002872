"""How the tests run: their tables, limits, seeds and moments."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import parts
from tests.databases import DATABASES
from tests.interop.clients import RARE_CLIENTS
from tests.machine import patience, slowness
from tests.moments import from_now, written
from tests.seeds import rounds


def test_every_place_of_the_tables_is_there() -> None:
    places = [*parts.SHARED, *parts.LONGEST]
    for listed in parts.MARKS.values():
        places += listed
    missing = [place for place in places if not (parts.ROOT / place).exists()]
    assert missing == []


def test_a_test_without_the_mark_starts_no_program_of_debian() -> None:
    for program in ("slapd", "/usr/sbin/slapd", "openssl"):
        with pytest.raises(RuntimeError, match="as `servers`: it starts"):
            subprocess.run([program], check=False)
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0


@pytest.mark.servers
def test_a_test_with_the_mark_may() -> None:
    assert subprocess.run(["openssl", "version"], capture_output=True, check=False).stdout


def test_a_database_that_a_test_leaves_open_is_seen() -> None:
    with closing(sqlite3.connect("")), closing(sqlite3.connect("")) as other:
        other.close()
        assert DATABASES.end(0) == 1
    DATABASES.begin()
    assert DATABASES.end(0) == 0


def test_make_long_installs_what_the_rare_tests_need() -> None:
    text = (parts.ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    installed = dict(re.findall(r"^(\w+) = (.*)", text, re.MULTILINE))
    assert {client.package for client in RARE_CLIENTS} <= set(installed["RARE"].split())
    assert not set(installed["RARE"].split()) & set(installed["TESTED"].split())


@pytest.mark.parametrize(("choice", "number"), [((), 0), (("-m", "rounds or rare"), 1)])
@pytest.mark.slow
def test_what_is_rare_runs_only_if_it_is_asked_for(choice: tuple[str, ...], number: int) -> None:
    place = "tests/interop/test_rare_clients.py::test_page_tells_what_was_seen"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--collect-only", place]
    said = subprocess.run(
        [*command, *choice], cwd=parts.ROOT, capture_output=True, text=True, check=False
    ).stdout
    assert said.count(f"{place}\n") == number
    assert "skipped" not in said


def test_a_limit_is_never_less_than_on_a_usual_machine() -> None:
    assert slowness() >= 1
    assert patience(10) == 10 * slowness()


def _seed(**more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "UALAUTH_SEED"}
    program = "from tests.seeds import SEED, rounds; print(SEED, rounds(3))"
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"UALAUTH_ROUNDS": "1"} | more,
        cwd=parts.ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_seed_stays_unless_another_one_is_wanted() -> None:
    assert _seed() == _seed()
    assert _seed(UALAUTH_SEED="random") != _seed(UALAUTH_SEED="random")
    assert _seed(UALAUTH_SEED="7", UALAUTH_ROUNDS="10") == "7 30\n"
    assert rounds(0) == 0


def test_moments_are_those_of_now() -> None:
    now = datetime.now(UTC)
    assert abs(from_now({"at": timedelta(hours=-1)})["at"] - now + timedelta(hours=1)) < timedelta(
        hours=1
    )
    assert from_now({"locked": True}) == {"locked": True}
    later = datetime.strptime(written("{generalized+2h}"), "%Y%m%d%H%M%S%z")
    assert timedelta(hours=1) < later - now < timedelta(hours=3)
    days = int(now.timestamp()) // 86400
    assert written("{days-10}:{days}:{days+40}") in {
        f"{today - 10}:{today}:{today + 40}" for today in (days, days + 1)
    }
    seconds = int(written("{seconds-1d}"))
    assert abs(seconds + 86400 - now.timestamp()) < 3600
    assert int(written("{filetime+1d}")) > 134_000_000_000_000_000


COMMANDS = [
    pytest.param([0], 0, 1, id="passed"),
    pytest.param([1, 0], 0, 2, id="failed beside others"),
    pytest.param([1, 1], 1, 2, id="failed alone, too"),
    pytest.param([1, 5], 5, 2, id="nothing to run again"),
    pytest.param([2], 2, 1, id="interrupted"),
    pytest.param([3], 3, 1, id="broken"),
]


@pytest.mark.parametrize(("statuses", "status", "runs"), COMMANDS)
def test_what_failed_runs_once_more(
    tmp_path: Path, statuses: list[int], status: int, runs: int
) -> None:
    """The exit statuses are those of https://docs.pytest.org/en/stable/reference/exit-codes.html."""
    program = tmp_path / "program"
    ends = "\n".join(f"{number}) exit {each};;" for number, each in enumerate(statuses))
    program.write_text(
        f'number=$(wc -l < {tmp_path}/runs)\necho "$UALAUTH_AGAIN $*" >> {tmp_path}/runs\n'
        f"case $number in\n{ends}\nesac\n"
    )
    (tmp_path / "runs").touch()
    done = subprocess.run(
        ["sh", "scripts/tests", "sh", program, "-n", "2"], cwd=parts.ROOT, check=False
    )
    assert done.returncode == status
    first, *second = (tmp_path / "runs").read_text().splitlines()
    assert first == " -n 2"
    again = "1 -n 2 -n 0 --last-failed --last-failed-no-failures none"
    assert second == [again] * (runs - 1)


def _again(*places: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *places],
        env=os.environ | {"UALAUTH_AGAIN": "1"},
        cwd=parts.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
def test_what_runs_again_is_named_and_few_and_no_chance() -> None:
    place = "tests/unit/userlist/test_durable.py"
    status, said = _again(place)
    assert (status, said.count(f"passes alone only, mend it: {place}::")) == (0, 1)
    status, said = _again("tests/unit/userlist/test_changes_beside.py")
    assert (status, said.count("A failure by chance counts: ")) == (1, 1)
    status, said = _again("tests/unit/kerberos")
    assert (status, said.count("files failed: none runs again")) == (1, 1)
