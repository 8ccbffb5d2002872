"""`ualauth log`: reads the audit log, from wherever it is."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import click

from ualauth.audit_log import reading
from ualauth.audit_log.moments import read_moment, shown
from ualauth.audit_log.record import OUTCOMES, Logged, read_line
from ualauth.audit_log.summary import Summary
from ualauth.audit_log.wanted import Wanted
from ualauth.cli.output import cell, console, grid, line
from ualauth.cli.plain import plain
from ualauth.reasons import ReasonCode
from ualauth.system.networks import Network, read_network
from ualauth.text.folding import fold

_HOUR = 3600
_TITLES = {
    "outcome": "outcome",
    "reason": "reason",
    "source": "source",
    "service": "service",
    "name": "name as typed",
    "entry": "entry that decided",
}


class _Moment(click.ParamType[float]):
    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds since 1970."""
        if isinstance(value, float):
            return value
        try:
            return read_moment(str(value), time.time())
        except ValueError as error:
            self.fail(plain(str(error)), param, ctx)


@click.command("log")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--journal", is_flag=True, help="Read the journal of systemd, by journalctl.")
@click.option("--unit", metavar="UNIT", help="Of the journal, read only what this unit logged.")
@click.option("--rotated", is_flag=True, help="Read what FILE was moved to before, too.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now on.")
@click.option("--user", "users", multiple=True, metavar="NAME", help="As typed, or as resolved.")
@click.option("--service", "services", multiple=True, metavar="SERVICE")
@click.option("--source", "sources", multiple=True, metavar="HOST", help="Or a network, in CIDR.")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="REASON",
    type=click.Choice([each.value for each in ReasonCode]),
    help="A reason code, such as wrong_password.",
)
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice(OUTCOMES))
@click.option("--since", type=_Moment(), help="2h ago, or a date with or without a time.")
@click.option("--until", type=_Moment(), help="As --since.")
@click.option("--summary", is_flag=True, help="Count instead; of the last hour without --since.")
@click.option("--top", type=click.IntRange(1, 1000), default=10, help="Rows of each table.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(  # noqa: PLR0913 - its options
    *,
    files: Sequence[Path],
    journal: bool,
    unit: str | None,
    rotated: bool,
    follow: bool,
    users: Sequence[str],
    services: Sequence[str],
    sources: Sequence[str],
    reasons: Sequence[str],
    outcomes: Sequence[str],
    since: float | None,
    until: float | None,
    summary: bool,
    top: int,
    as_json: bool,
) -> None:
    """Read the audit log: who failed, from where, why, how often.

    FILE has records as JSON or as text, also among the lines of other programs; `-` is
    standard input, and what ends in .gz is unpacked.
    """
    if bool(files) == journal:
        raise click.UsageError("Name a file, - for standard input, or --journal.")
    if follow and (summary or rotated or len(files) > 1):
        raise click.UsageError("--follow reads one file, and counts nothing.")
    if summary and since is None:
        since = time.time() - _HOUR
    networks, hosts = _read_sources(sources)
    wanted = Wanted(
        users=[fold(each) for each in users],
        services=[each.lower() for each in services],
        networks=networks,
        hosts=hosts,
        reasons=reasons,
        outcomes=outcomes,
        since=since,
        until=until,
    )
    if journal:
        lines = reading.journal(_arguments(unit, since, until, follow=follow))
    elif follow and str(files[0]) != "-":
        lines = reading.follow(files[0], from_start=since is not None)
    else:
        lines = _lines(files, rotated=rotated)
    records = _Records(lines)
    if summary:
        _print_summary(records, wanted, top, as_json=as_json)
    else:
        show: Callable[[Logged], str] = _json if as_json else _text
        for record in records:
            if wanted.has(record):
                click.echo(show(record))
    records.report()


class _Records:
    """The records among some lines, and how many lines are none."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._others = self._without_time = 0

    def __iter__(self) -> Iterator[Logged]:
        for each in self._lines:
            record = read_line(each)
            if record is None:
                self._others += bool(each.strip()) or not each
                continue
            self._without_time += record.time is None
            yield record

    def report(self) -> None:
        """Say on stderr what was not read."""
        if self._others:
            click.echo(f"Lines that are no audit records, or are cut: {self._others}.", err=True)
        if self._without_time:
            text = "Records without a time, which no --since and --until finds"
            click.echo(f"{text}: {self._without_time}.", err=True)


def _read_sources(sources: Sequence[str]) -> tuple[list[Network], list[str]]:
    networks, hosts = [], []
    for each in sources:
        try:
            networks.append(read_network(each))
        except ValueError as error:
            if "/" in each or ":" in each:
                raise click.UsageError(plain(str(error))) from None
            hosts.append(each.lower())
    return networks, hosts


def _arguments(
    unit: str | None, since: float | None, until: float | None, *, follow: bool
) -> list[str]:
    """Return what journalctl is told: it finds times faster than they are read here."""
    arguments = [f"--unit={unit}"] if unit else []
    arguments += [f"--since=@{since:.0f}"] if since is not None else []
    arguments += [f"--until=@{until + 1:.0f}"] if until is not None else []
    if follow:
        arguments += ["--follow"] if since is not None else ["--follow", "--lines=0"]
    return arguments


def _lines(files: Sequence[Path], *, rotated: bool) -> Iterator[str]:
    for file in files:
        if str(file) == "-":
            yield from reading.lines_of(cast("BinaryIO", sys.stdin.buffer))
            continue
        for each in reading.rotations_of(file) if rotated else [file]:
            yield from reading.lines_of_path(each)


def _json(record: Logged) -> str:
    return json.dumps(record.values, separators=(",", ":"))


def _text(record: Logged) -> str:
    """Return one line: when, what, why, where, who, from where, and the entry."""
    name, user = record.text("login_name"), record.text("user")
    who = repr(name) if name else record.text("login_name_digest") or "a client"
    if user and user != name:
        who += f" as {user!r}"
    words = [
        shown(record.time),
        record.outcome,
        record.text("reason"),
        record.text("service") + ":",
        who.replace("\\\\", "\\"),
    ]
    if record.text("rhost"):
        words.append(f"from {record.text('rhost')}")
    if record.text("mechanism"):
        words.append(f"by {record.text('mechanism')}")
    if record.text("entry"):
        words.append(f"at {record.text('module')} ({record.text('entry')})")
    text = " ".join(each for each in words if each)
    remark = record.text("remark")
    return plain(f"{text}: {remark}" if remark else text)


def _print_summary(records: _Records, wanted: Wanted, top: int, *, as_json: bool) -> None:
    counted = Summary()
    for record in records:
        if wanted.has(record):
            counted.add(record)
    hints = counted.hints()
    if as_json:
        answer = {
            "records": counted.records,
            "since": wanted.since,
            "until": wanted.until,
            "by": {name: dict(tally.most_common(top)) for name, tally in counted.tallies.items()},
            "hints": [{"kind": each.kind, "text": each.text} for each in hints],
        }
        click.echo(json.dumps(answer, indent=2))
        return
    line(f"{counted.records} records from {shown(counted.first)} to {shown(counted.last)}")
    for name, tally in counted.tallies.items():
        if not len(tally):
            continue
        console().print()
        title = _TITLES[name] + ("" if name == "outcome" else ", of those not granted")
        table = grid(title, "records")
        table.columns[1].justify = "right"
        for value, number in tally.most_common(top):
            table.add_row(cell(value), cell(number))
        console().print(table)
        if not tally.is_whole:
            line("too many to count all: the rarest are left out, and numbers are at least these")
    for hint in hints:
        console().print()
        line(cell(f"{hint.kind}: ", "bold"), cell(hint.text))
