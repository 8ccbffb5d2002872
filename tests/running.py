"""How a run of the tests is made: what is collected, in which order, with which limits.

A plugin of pytest, which `tests/conftest.py` registers.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import parts
from tests.databases import DATABASES
from tests.machine import patience, slowness
from tests.seeds import SEED, TIMES


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let hypothesis begin with the seed of all other random tests, too; let Ctrl-C be obeyed."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell lets what runs in its background ignore it, with all that is started by it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = int.from_bytes(SEED.encode())
    # It would sort by the number of tests; `parts` says what takes long.
    config.option.loadscopereorder = False


def pytest_report_header() -> str:
    """Say how to repeat the random tests of this run, and how slow the machine is."""
    return f"UALAUTH_SEED={SEED!r} UALAUTH_ROUNDS={TIMES}; limits of time: x {slowness():.1f}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what is not wanted: libraries that it needs may be absent."""
    marks = parts.marks_of(_path(collection_path))
    return any(f"not {mark}" in config.option.markexpr for mark in marks) or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests, let their limits follow the machine, and begin with what takes longest."""
    usual = float(config.getini("timeout"))
    for item in items:
        for mark in parts.marks_of(_path(item.path)) | parts.marks_by_content(item):
            item.add_marker(mark)
        own = item.get_closest_marker("timeout")
        limit = patience(own.args[0] if own is not None else usual)
        item.add_marker(pytest.mark.timeout(limit), append=False)
    items.sort(key=lambda item: parts.place_in_order(_path(item.path)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector pass over 14,000 tests: that took a fifth of a second each time."""
    gc.collect()
    gc.freeze()
    if os.environ.get("UALAUTH_AGAIN"):
        _refuse_to_run_again(session.items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test that is not marked `servers` start nothing of Debian's optional packages."""
    parts.PROGRAMS.unmarked = "" if item.get_closest_marker("servers") else item.nodeid
    if not any(map(item.get_closest_marker, parts.LEFT_OUT)):
        DATABASES.begin()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Let what earlier tests started be stopped; let no unit test leave a database open."""
    parts.PROGRAMS.unmarked = ""
    result = yield
    if still_open := DATABASES.end():
        raise AssertionError(f"{still_open} SQLite databases were left open")
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Share the tests out by groups of files."""
    return parts.ByGroup(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if anything was skipped where everything is installed: in CI."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _skipped_in_ci(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why it fails; and print what tests keep for the end of the run."""
    told = [
        line
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, line in getattr(report, "user_properties", ())
        if name == TOLD and report.when == "call"
    ]
    if os.environ.get("UALAUTH_AGAIN"):
        told += [f"passes alone only, mend it: {each.nodeid}" for each in _passed(terminalreporter)]
    if told:
        terminalreporter.section("counts")
    for line in told:
        terminalreporter.write_line(line)
    if _skipped_in_ci(terminalreporter):
        terminalreporter.write_line("In CI, no test may be skipped.", red=True)


MOST_AGAIN = 5
"""Of how many files tests may run once more: where more failed, the machine's load is not why."""


def _refuse_to_run_again(failed: list[pytest.Item]) -> None:
    """End a run of what failed (`scripts/tests`), where a second go would prove nothing."""
    by_chance = [item.nodeid for item in failed if item.get_closest_marker("chance")]
    if by_chance:
        pytest.exit(f"A failure by chance counts: {', '.join(by_chance)}", returncode=1)
    files = {item.path for item in failed}
    if len(files) > MOST_AGAIN:
        pytest.exit(f"Tests of {len(files)} files failed: none runs again", returncode=1)


TOLD = "told"
"""The property of a test that keeps a line for the end of the run."""


def _passed(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return list(reporter.stats.get("passed", ()))


def _skipped_in_ci(reporter: pytest.TerminalReporter) -> bool:
    return bool(os.environ.get("CI") and reporter.stats.get("skipped"))


@cache
def _path(path: Path) -> str:
    return path.relative_to(parts.ROOT).as_posix() if path.is_relative_to(parts.ROOT) else ""
