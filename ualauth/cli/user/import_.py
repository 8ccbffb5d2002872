"""`ualauth user import`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.progress import Progress
from ualauth.import_export.batches import Batch
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.importer import Existing, Import, Summary
from ualauth.import_export.line import BadLine, Reading, units_of
from ualauth.import_export.reader import Source

_AT_A_TIME = 1000
# Hashing takes a second or so for ten passwords, and is lost if it is interrupted.
_HASHED_AT_A_TIME = 10
_INTERRUPTED = "Interrupted. What was added stays; run the same command again to go on from there."


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), required=True)
@click.option(
    "--bad-lines",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    help="Add no user if any line is bad, which takes reading the file twice; or leave bad "
    "lines out. refuse is the default.",
)
@click.option(
    "--existing",
    type=click.Choice([choice.value for choice in Existing]),
    default=Existing.SKIP.value,
    help="Users who are there already: leave them as they are, which is the default; take "
    "their lines for bad ones if they differ; or change what the file gives.",
)
@click.option(
    "--domain",
    default="",
    help="Who has no address in the file gets AUTHID@DOMAIN.",
)
@click.option(
    "--mail-node",
    type=units_of,
    default="",
    metavar="OUS",
    help="Who has no mail node in the file gets this one, as in ny,hq.",
)
@click.option(
    "--shadow",
    type=click.Path(exists=True, dir_okay=False),
    help="The shadow file that belongs to a passwd file.",
)
@click.option(
    "--minimum-uid",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Leave out lower uids of a passwd file.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="NAME",
    help="Pass over this attribute of LDIF, or this extra field of a Dovecot file, though it may "
    "keep users out; may be repeated.",
)
@click.option(
    "--hash-clear-text",
    is_flag=True,
    help="Take passwords in clear text, such as {PLAIN}secret, and hash them.",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    file: str,
    bad_lines: str,
    existing: str,
    hash_clear_text: bool,
    **reading: Any,  # noqa: ANN401 - as click has it
) -> None:
    """Add users from a file.

    What keeps a user out where the file comes from keeps them out here, or their line is bad.
    FILE may be -, standard input. An import that was interrupted goes on when it
    is run again.
    """
    kind, units = reading.pop("kind"), reading.pop("mail_node")
    ignore = frozenset(map(str.lower, reading.pop("ignore")))
    choice = Existing(existing)
    source = Source(
        kind,
        Reading(units=units, clear_text=hash_clear_text, ignore=ignore, **reading),
        _HASHED_AT_A_TIME if hash_clear_text else _AT_A_TIME,
        with_users=hash_clear_text or choice is not Existing.SKIP,
    )
    invocation: Invocation = context.obj
    store, hasher = invocation.store, invocation.hasher
    with _input(file, again=bad_lines == "refuse") as (opened, size):
        if bad_lines == "refuse":
            checked = Import(store, choice, hasher, _report)
            with opened(source) as batches, Progress("Checking", size) as progress:
                progress.follow(checked.check(batches), lambda: checked.summary.seen)
            if bad := checked.summary.bad:
                click.echo(f"{_lines(bad)} bad: no user was added.", err=True)
                context.exit(ExitStatus.REFUSED)
        running = Import(store, choice, hasher, _report)
        try:
            with opened(source) as batches, Progress("Importing", size) as progress:
                progress.follow(running.write(batches), lambda: running.summary.seen)
        except KeyboardInterrupt:
            click.echo(_INTERRUPTED, err=True)
            raise
        finally:
            _tell(running.summary)
    if running.summary.bad:
        context.exit(ExitStatus.REFUSED)


class _Opened:
    """What opens the input: a path, or a file that is open already."""

    def __init__(self, given: Path | BinaryIO) -> None:
        self._given = given

    def __call__(self, source: Source) -> AbstractContextManager[Iterator[Batch]]:
        if isinstance(self._given, Path):
            return source.open(self._given)
        if self._given.seekable():
            self._given.seek(0)
        return nullcontext(source.read(self._given))


@contextmanager
def _input(file: str, *, again: bool) -> Iterator[tuple[_Opened, int | None]]:
    """Return what opens a file, and how many bytes it has if that is known."""
    if file != "-":
        path = Path(file)
        regular = path.is_file()
        if regular or not again:
            yield _Opened(path), path.stat().st_size if regular else None
            return
    with path.open("rb") if file != "-" else nullcontext(sys.stdin.buffer) as stream:
        if not again:
            yield _Opened(stream), None
            return
        # It has no name, and goes with this process: hashes stand in it.
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy)
            yield _Opened(copy), copy.tell()


def _report(line: BadLine) -> None:
    click.echo(f"line {line.number}: {plain(line.problem)}", err=True)


def _tell(summary: Summary) -> None:
    text = f"{summary.added} added, {summary.changed} changed, {summary.existing} there already"
    click.echo(f"{text}, {_lines(summary.bad)} skipped.")


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"
