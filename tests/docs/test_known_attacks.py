"""The page of known attacks names, for each of them, tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "known-attacks.md").read_text("utf-8")
ROWS = [
    line for line in PAGE.splitlines() if line.startswith("| ") and "| what it was |" not in line
]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))
ATTACKS = (
    *("CVE-2025-30189", "CVE-2025-59028", "CVE-2026-24031", "CVE-2026-27860", "CVE-2026-33603"),
    *("CVE-2026-27855", "CVE-2026-27856", "CVE-2026-27851", "CVE-2021-29157", "CVE-2020-12674"),
    *("CVE-2019-10691", "CVE-2017-2669", "CVE-2011-0411", "CVE-2023-51764", "CVE-2021-33515"),
    *("CVE-2022-30550", "CVE-2015-9235", "CVE-2024-23184", "CVE-2024-23185", "CVE-2013-1443"),
    *("enumeration as in OpenSSH", "nOAuth", "locals of tracebacks"),
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_has_lost_its_tests(attack: str) -> None:
    (row,) = [row for row in ROWS if attack in row.split(" | ")[0]]
    assert "`tests/" in row.split(" | ")[2]


def test_every_row_names_a_test() -> None:
    assert [row for row in ROWS if "`tests/" not in row] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_it_is_there(file: str, name: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^def {name}\(" if name else r"^def test_", text, re.MULTILINE)
