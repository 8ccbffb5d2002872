"""`ualauth group import`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click

from ualauth.cli.callers_file import CallersFile
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.problems import count
from ualauth.cli.reading_options import (
    check_only_option,
    delimiter_option,
    encoding_option,
    ignore_columns_option,
)
from ualauth.import_export.group_importer import GROUP_FORMATS, GroupImport
from ualauth.import_export.line import Reading
from ualauth.userlist.group_import import ExistingGroups, Loaded


@click.command("import")
@click.argument("file", type=CallersFile(dir_okay=False, allow_dash=True))
@click.option("--format", "kind", type=click.Choice(GROUP_FORMATS), required=True)
@click.option(
    "--bad-lines",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    help="Change nothing if anything is wrong, which is the default; or leave out what is: lines, "
    "and members that are not there.",
)
@click.option(
    "--existing",
    type=click.Choice([choice.value for choice in ExistingGroups]),
    default=ExistingGroups.SKIP.value,
    help="Groups that are there already: leave them as they are, which is the default; take "
    "their lines for bad ones if they differ; or change what the file gives. Members that are "
    "given are all that there are.",
)
@delimiter_option
@ignore_columns_option
@click.option(
    "--uid-attribute",
    default="uid",
    metavar="NAME",
    help="The attribute of LDIF that has the authid of members, such as sAMAccountName; uid by "
    "default.",
)
@encoding_option
@check_only_option
@click.pass_context
def command(  # noqa: PLR0913 - the options
    context: click.Context,
    /,
    *,
    file: str,
    kind: str,
    bad_lines: str,
    existing: str,
    check_only: bool,
    ignore_columns: tuple[str, ...],
    **reading: Any,  # noqa: ANN401 - as click has it
) -> None:
    """Add groups from a file.

    The members have to be there, or be groups of the file. All groups are added in one
    transaction. FILE may be -, standard input.
    """
    invocation: Invocation = context.obj
    columns = ",".join(ignore_columns).lower().split(",")
    reading["ignore_columns"] = frozenset(each.strip() for each in columns if each.strip())
    reading["uid_attribute"] = reading["uid_attribute"].lower()
    running = GroupImport(
        invocation.store, ExistingGroups(existing), bad_lines == "skip", check_only
    )
    with _input(file) as opened:
        loaded = running.run(kind, opened, Reading(**reading))
    if not tell_groups(running, loaded):
        context.exit(ExitStatus.REFUSED)


def tell_groups(running: GroupImport, loaded: Loaded) -> bool:
    """Say what became of the groups of a file; return whether nothing was wrong."""
    for line in running.bad:
        click.echo(f"line {line.number}: {plain(line.problem)}", err=True)
    groups = count(loaded.added, "group")
    others = f"{loaded.changed} changed, {loaded.existing} there already"
    if running.check_only:
        click.echo(f"{groups} would be added, {others}, {count(len(running.bad), 'problem')}.")
    elif running.is_done():
        click.echo(f"{groups} added, {others}, {count(len(running.bad), 'problem')} left out.")
    else:
        click.echo(
            f"{count(len(running.bad), 'problem')}: no group was added or changed.", err=True
        )
    return not running.bad


@contextmanager
def _input(file: str) -> Iterator[Any]:
    """Return what opens the input at its beginning, again and again."""
    path = Path(file)
    if file != "-" and path.is_file():
        yield lambda: path.open("rb")
        return
    with (
        path.open("rb") if file != "-" else nullcontext(sys.stdin.buffer) as stream,
        tempfile.TemporaryFile() as copy,
    ):
        shutil.copyfileobj(stream, copy)

        def opened() -> AbstractContextManager[BinaryIO]:
            copy.seek(0)
            return nullcontext(copy)

        yield opened
