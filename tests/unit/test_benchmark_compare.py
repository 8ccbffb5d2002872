"""Instructions beside the figures that are committed: when they are an error, and what is told."""

from __future__ import annotations

import json
from typing import Any

from tests.benchmarks.compare import COUNTED, FILE, compared

HERE = {"python": "3.11.7 GCC", "libc": "glibc 2.36"}
COMMITTED: dict[str, Any] = {
    "surroundings": HERE,
    "instructions": {"a login": 100_000, "an exchange": 200_000},
}


def test_a_twentieth_more_is_no_error_and_more_than_that_is() -> None:
    assert compared(COMMITTED, HERE, {"a login": 105_000}) == (
        ["a login: 105.0 k (100.0 k: 1.050)"],
        False,
    )
    lines, is_too_high = compared(COMMITTED, HERE, {"a login": 105_001, "an exchange": 1})
    assert is_too_high
    assert lines == ["a login: 105.0 k (100.0 k: 1.050)", "an exchange: 0.0 k (200.0 k: 0.000)"]


def test_elsewhere_it_is_told_and_no_error() -> None:
    lines, is_too_high = compared(COMMITTED, {**HERE, "libc": "glibc 2.41"}, {"a login": 300_000})
    assert not is_too_high
    assert lines == [
        "a login: 300.0 k (100.0 k: 3.000)",
        "other than where the figures come from: libc",
    ]


def test_what_has_no_figure_is_told() -> None:
    told = (["a call: 1.0 k, and no figure to compare with"], False)
    assert compared(COMMITTED, HERE, {"a call": 1_000}) == told


def test_the_committed_figures_are_of_all_that_is_counted() -> None:
    committed = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(committed["instructions"]) == set(COUNTED)
    assert min(committed["instructions"].values()) > 10_000
