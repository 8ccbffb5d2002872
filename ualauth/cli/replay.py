"""`ualauth replay`: recorded logins through a changed configuration."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from ualauth.audit_log.reading import lines_of, lines_of_path
from ualauth.audit_log.record import Logged, read_line
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.lazy import take_directory
from ualauth.cli.output import cell, console, grid, line, print_json
from ualauth.config.config import Config
from ualauth.explaining.replay import Change, Replay, Replayed, unescaped

_STYLES = {Change.SAME: "", Change.LET_IN: "bold green", Change.REFUSED: "bold red"}
_SHOWN = (Change.REFUSED, Change.LET_IN, Change.UNKNOWN)
_MOST_ROWS = 50


@click.command("replay")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LOG...")
@click.option(
    "--config-dir",
    metavar="DIR",
    expose_value=False,
    is_eager=True,
    callback=take_directory,
    help="The folder of the changed configuration, through which the logins go.",
)
@click.option(
    "--recorded-with",
    metavar="DIR",
    help="The folder of the configuration that has written LOG; by default the one that its "
    "records name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    context: click.Context, *, files: Sequence[Path], recorded_with: str | None, as_json: bool
) -> None:
    """Put recorded logins through a changed configuration.

    Shows which users would get in now, and which would not.

    LOG has audit records as JSON or as text, as for `ualauth log`; - is standard input. An
    entry of the changed configuration answers as the recorded one that has the same type,
    module and arguments; what stood where a record says is read from the configuration that
    has written it. Other entries answer as in `ualauth explain`, without the password.

    \b
    ualauth replay /var/log/ualauth.json --config-dir /etc/ualauth.new
    ualauth --config-dir new replay --recorded-with old - < ualauth.json

    Exit status, as of diff(1): 0 no login changes; 1 some do; 2 trouble, also if no record
    can be replayed.
    """  # noqa: D301 - click's mark of a paragraph that stays as it is
    invocation: Invocation = context.obj
    tally = _Tally()
    writer = None if recorded_with is None else Config.load(recorded_with)
    with Replay(invocation.config, writer) as replay:
        for record in _records(files, tally):
            tally.add(replay.replay(record))
    if as_json:
        print_json(tally.as_dict())
    else:
        tally.show()
    changes = tally.number(Change.LET_IN) + tally.number(Change.REFUSED)
    if not changes and not tally.number(Change.SAME):
        click.echo("No record could be replayed.", err=True)
        context.exit(ExitStatus.USAGE)
    context.exit(ExitStatus.REFUSED if changes else ExitStatus.OK)


def _records(files: Sequence[Path], tally: _Tally) -> Iterator[Logged]:
    for file in files:
        is_input = str(file) == "-"
        lines = lines_of(cast("BinaryIO", sys.stdin.buffer)) if is_input else lines_of_path(file)
        for text in lines:
            record = read_line(text)
            if record is None:
                tally.others += bool(text.strip()) or not text
            else:
                yield record


_Row = tuple[str, str, str]
"""Service, name, and why."""


class _Tally:
    """What became of the records, counted by what they have in common."""

    def __init__(self) -> None:
        self.others = 0
        """Lines that are no records."""
        self._not_logins = 0
        self._rows: dict[Change, Counter[_Row]] = {change: Counter() for change in Change}

    def add(self, replayed: Replayed | None) -> None:
        """Count a record."""
        if replayed is None:
            self._not_logins += 1
            return
        record = replayed.record
        name = unescaped(record.name) or "-"
        row = (record.text("service"), name, replayed.why)
        if replayed.change is Change.SAME:
            row = ("", "", record.outcome)
        self._rows[replayed.change][row] += 1

    def number(self, change: Change) -> int:
        """Return how many records changed so."""
        return self._rows[change].total()

    def as_dict(self) -> dict[str, Any]:
        """Return what the JSON has."""
        value: dict[str, Any] = {
            "records": sum(map(self.number, Change)),
            "same": self.number(Change.SAME),
        }
        for change in _SHOWN:
            value[change.value.replace(" ", "_")] = [
                {"service": service, "name": name, "why": why, "records": number}
                for (service, name, why), number in self._rows[change].most_common()
            ]
        return value | {"not_logins": self._not_logins, "no_records": self.others}

    def show(self) -> None:
        """Print it for people."""
        table = grid()
        table.columns[1].justify = "right"
        for change in Change:
            table.add_row(cell(change.value, _STYLES.get(change, "")), cell(self.number(change)))
        console().print(table)
        for change in _SHOWN:
            rows = self._rows[change]
            if not rows:
                continue
            console().print()
            table = grid("service", "name", "records", "why", title=change.value)
            table.columns[2].justify = "right"
            for (service, name, why), number in rows.most_common(_MOST_ROWS):
                table.add_row(cell(service), cell(name), cell(number), cell(why))
            console().print(table)
            if len(rows) > _MOST_ROWS:
                line(f"and {len(rows) - _MOST_ROWS} more rows; --json has all")
        if self._not_logins:
            line(f"Records of other things than logins: {self._not_logins}.")
        if self.others:
            click.echo(f"Lines that are no audit records, or are cut: {self.others}.", err=True)
