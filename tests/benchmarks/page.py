"""docs/benchmarks.md: a section for each subject; those that were not measured anew stay."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_HEADING = "\n## "
_HEAD = """# Benchmarks

`make bench` measures all of this anew and rewrites this page. Each row's two sides were
measured in one run, in alternating rounds, so that what else the machine does disturbs both.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: what, our figure, the peer's, the ratio or limit that is aimed at."""

    what: str
    ours: str
    peer: str = ""
    result: str = ""
    target: str = ""


class Subject(Protocol):
    """What a file of this package has, so that `__main__` can list it."""

    TITLE: str
    """The heading of its section."""
    HOW: str
    """How its figures are taken, in Markdown."""

    def rows(self) -> list[Row]:
        """Measure, and return the figures."""
        ...


def section(subject: Subject) -> str:
    """Measure a subject, and return its section without the heading."""
    load = os.getloadavg()[0]
    table = "\n".join(
        f"| {row.what} | {row.ours} | {row.peer} | {row.result} | {row.target} |"
        for row in subject.rows()
    )
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"""
Taken on {datetime.now(UTC):%Y-%m-%d} on a machine that others share (load before: {load:.1f}):
Python {platform.python_version()}, {machine}.

| what | ualauth | peer | ratio | target |
|---|---|---|---|---|
{table}

{subject.HOW.strip()}
"""


def update(text: str, order: list[str], measured: dict[str, str]) -> str:
    """Return the page with title -> section put in; titles in `order` come first."""
    _, *parts = text.split(_HEADING)
    sections = dict(part.split("\n", 1) for part in parts) | measured
    titles = [title for title in order if title in sections]
    titles += [title for title in sections if title not in order]
    return _HEAD + "".join(f"{_HEADING}{title}\n{sections[title].rstrip()}\n" for title in titles)


class Scaled(Subject, Protocol):
    """A subject that can be measured with another number of users."""

    USERS: int
    """The number of users of the page."""

    def measure(self, users: int) -> list[Row]:
        """Measure with that many users."""
        ...


def measure_scaled(subject: Scaled) -> None:
    """Measure, print, and write the section; with another number of users only print."""
    users = int(sys.argv[1]) if len(sys.argv) > 1 else subject.USERS
    if users != subject.USERS:
        for row in subject.measure(users):
            sys.stdout.write(f"{row.what}: {row.ours} ({row.peer}; {row.result}; {row.target})\n")
        return
    text = section(subject)
    sys.stdout.write(f"{subject.TITLE}\n{text}\n")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(update(page, [], {subject.TITLE: text}), encoding="utf-8")
