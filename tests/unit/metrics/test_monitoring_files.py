"""The shipped alert rules and dashboard ask for metrics, labels and values that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from ualauth.metrics import FAMILIES

FOLDER = ROOT / "stacks" / "monitoring"
RULES = FOLDER / "ualauth.rules.yml"
DASHBOARD = FOLDER / "dashboard.json"
_METRIC = re.compile(r"\b(ualauth_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\b(?:by|count by) \(([^)]*)\)")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def expressions() -> list[str]:
    """Return what Prometheus is asked."""
    dashboard = json.loads(DASHBOARD.read_text())
    asked = [each["expr"] for panel in dashboard["panels"] for each in panel["targets"]]
    blocks = re.findall(r"expr: (?:\|\n((?:          .*\n)+)|(.*)\n)", RULES.read_text())
    return [*asked, *(block or line for block, line in blocks)]


def test_there_are_many_expressions() -> None:
    assert len(expressions()) > 20


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_what_there_is(expression: str) -> None:
    labels: set[str] = set()
    metrics = _METRIC.findall(expression)
    assert metrics
    for name, matchers in metrics:
        family = FAMILIES[re.sub(r"_(bucket|count|sum)$", "", name)]
        labels |= set(family.labels)
        for label, _, value in _MATCHER.findall(matchers):
            values = family.labels[label]
            for each in value.split("|"):
                literal = re.fullmatch(r"[a-z_]+", each)
                assert literal is None or isinstance(values, str) or each in values, each
    for named in _BY.findall(expression):
        assert {each.strip() for each in named.split(",")} <= labels | {"le"}


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    places = {(each["gridPos"]["x"], each["gridPos"]["y"]) for each in dashboard["panels"]}
    assert len(places) == len(identifiers)
    shown = " ".join(expressions())
    assert not [name for name in FAMILIES if name not in shown]


def test_the_page_names_both_files() -> None:
    page = (ROOT / "docs" / "administrators" / "monitoring.md").read_text()
    for each in (RULES, DASHBOARD):
        assert Path(each).name in page
