"""How the tests run: their tables, limits, seeds and moments."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests import parts
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
