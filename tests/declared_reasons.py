"""Reasons of the supplied modules: each test gives only declared ones, and all tests give all.

A plugin of pytest. What a process of tests has seen goes to the one that started it, which fails a
whole run (`make test`) in which no test was refused for a reason, with a code, that a module
declares: a new one needs its test. In a run that has skipped tests, which CI does not allow, or in
which some failed, nothing follows. With `UALAUTH_REACHED` set, any run says what it has not seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from ualauth.contract.module import Module
from ualauth.reasons import REASONS_OF_ATTEMPTS, ReasonCode
from ualauth.runtime.trace import Run
from ualauth.stack.engine import EngineStep
from ualauth.stack.model import Entry
from ualauth.stack.registry import BUILT_IN, ModuleRegistry

KEY = "reached_reasons"
_explain = Run.explain
_reached: set[str] = set()
"""`module: reason, code` of what was given as the reason of an entry that refused, in any test."""


@pytest.fixture(autouse=True)
def declared_reasons(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test in which a supplied module gives a reason that it does not declare."""
    undeclared: list[str] = []
    # Both: what was explained, and what has a reason without a word of the module, such as an
    # entry that runs a stack.
    runs: dict[Run, None] = {}
    walk = Run.walk

    def explain(run: Run, reason: ReasonCode, text: str) -> None:
        kind = _supplied(run.asked())
        if kind is not None:
            if reason not in {*kind.reasons, *REASONS_OF_ATTEMPTS}:
                undeclared.append(f"{kind.__name__}: {reason}")
            if not text:
                undeclared.append(f"{kind.__name__}: {reason} without a word")
            runs[run] = None
        _explain(run, reason, text)

    def watched_walk(run: Run) -> list[EngineStep]:
        runs[run] = None
        return walk(run)

    monkeypatch.setattr(Run, "explain", explain)
    monkeypatch.setattr(Run, "walk", watched_walk)
    yield
    for run in [*runs]:
        _note(run)
    assert not undeclared


def _supplied(entry: Entry | None) -> type[Module[Any]] | None:
    """Return the module of an entry, if it is one of ours."""
    kind = None if entry is None or entry.instance is None else type(entry.instance)
    return kind if kind is not None and kind.__module__.startswith("ualauth.modules.") else None


def _note(run: Run) -> None:
    """Note the reason of each entry of a run that refused."""
    for place, step in enumerate(run.walk()):
        kind = _supplied(step.entry)
        if kind is not None and step.code.token != "success":
            module = kind.__module__.rpartition(".")[2]
            _reached.add(f"{module}: {run.reason_at(place)}, {step.code.name}")


def never_reached() -> list[str]:
    """Return what the supplied modules declare and no test of this run was refused for."""
    return sorted(
        row
        for name in BUILT_IN
        for reason, codes in ModuleRegistry(()).find(name).reasons.items()
        for code in codes
        if code.name not in {"SUCCESS", "IGNORE"}
        and (row := f"{name}: {reason}, {code.name}") not in _reached
    )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over what a process of tests has seen."""
    _reached.update(getattr(node, "workeroutput", {}).get(KEY, ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was seen; or fail a whole run that has not seen everything."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[KEY] = sorted(_reached)
    elif _is_whole(session.config) and never_reached():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not seen."""
    if _is_whole(terminalreporter.config) or os.environ.get("UALAUTH_REACHED"):
        for row in never_reached():
            terminalreporter.write_line(f"No test was refused for this: {row}", red=True)


def _is_whole(config: pytest.Config) -> bool:
    """Return whether every test has run, to its end."""
    option = config.option
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return (
        config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and option.markexpr == "not rare"
        and not (option.keyword or option.lf or option.deselect or option.collectonly)
        # Where a program is missing, or only root may, no test can be refused by it.
        and reporter is not None
        and not any(map(reporter.stats.get, ("skipped", "failed", "error")))
    )
