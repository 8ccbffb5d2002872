"""`ualauth user import`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click

from ualauth.cli.callers_file import CallersFile
from ualauth.cli.exits import ExitStatus
from ualauth.cli.group.import_ import tell_groups
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.progress import Progress
from ualauth.cli.reading_options import (
    check_only_option,
    delimiter_option,
    encoding_option,
    ignore_columns_option,
)
from ualauth.import_export.batches import Batch
from ualauth.import_export.coming import ComingUsers
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.group_importer import GroupImport
from ualauth.import_export.importer import Existing, Import, Summary
from ualauth.import_export.ldif import GROUPS_LEFT_OUT
from ualauth.import_export.line import UNKNOWN_HASHES, BadLine, Reading, units_of
from ualauth.import_export.reader import Source
from ualauth.passwords.stored import is_scheme
from ualauth.userlist.group_import import ExistingGroups

_AT_A_TIME = 1000
# Hashing takes a second or so for ten passwords, and is lost if it is interrupted.
_HASHED_AT_A_TIME = 10
_INTERRUPTED = "Interrupted. What was added stays; run the same command again to go on from there."


def _known_scheme(_context: object, _option: object, value: str) -> str:
    if value and not is_scheme(value):
        raise click.BadParameter(f"{value!r} is none; ualauth hash --list-schemes shows them.")
    return value


@click.command("import")
@click.argument("file", type=CallersFile(dir_okay=False, allow_dash=True))
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
    type=CallersFile(exists=True, dir_okay=False),
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
    "--maximum-uid",
    type=click.IntRange(min=0),
    help="Leave out higher uids of a passwd file; by default those from 60001 to 65535, which "
    "systems use for their own.",
)
@click.option(
    "--no-unix-uids",
    is_flag=True,
    help="Take no UNIX uid from a passwd file: it has one for a whole domain, as cPanel does.",
)
@click.option(
    "--default-scheme",
    default="",
    metavar="SCHEME",
    callback=_known_scheme,
    help="Of which scheme the passwords of a passwd or Dovecot file without one are, such as "
    "PLAIN-MD5; crypt(3)'s by default.",
)
@delimiter_option
@ignore_columns_option
@click.option(
    "--uid-attribute",
    default="uid",
    metavar="NAME",
    help="The attribute of LDIF that has the authid, such as sAMAccountName; uid by default.",
)
@encoding_option
@check_only_option
@click.option(
    "--ignore",
    multiple=True,
    metavar="NAME",
    help="Pass over this attribute of LDIF, or this extra field of a Dovecot file, though it may "
    "keep users out; may be repeated.",
)
@click.option(
    "--lock-unknown-hashes",
    is_flag=True,
    help="Take users whose hash cannot be verified, with a password that nothing matches; those "
    "who are there keep theirs. Otherwise their lines are bad.",
)
@click.option(
    "--hash-clear-text",
    is_flag=True,
    help="Take passwords in clear text, such as {PLAIN}secret, and hash them.",
)
@click.option(
    "--groups",
    "with_groups",
    is_flag=True,
    help="Add the groups of an LDIF file, too, when its users are there; --existing and "
    "--bad-lines hold for both.",
)
@click.pass_context
def command(  # noqa: PLR0913 - the options that are not of the reading
    context: click.Context,
    /,
    *,
    file: str,
    bad_lines: str,
    existing: str,
    hash_clear_text: bool,
    check_only: bool,
    with_groups: bool,
    **reading: Any,  # noqa: ANN401 - as click has it
) -> None:
    """Add users from a file.

    What keeps a user out where the file comes from keeps them out here, or their line is bad.
    FILE may be -, standard input. An import that was interrupted goes on when it
    is run again.
    """
    kind, units = reading.pop("kind"), reading.pop("mail_node")
    if with_groups and kind != "ldif":
        raise click.UsageError(f"A {kind} file has no groups: see ualauth group import.")
    columns = ",".join(reading.pop("ignore_columns")).lower().split(",")
    choice = Existing(existing)
    reading |= {
        "ignore": frozenset(map(str.lower, reading.pop("ignore"))),
        "ignore_columns": frozenset(each.strip() for each in columns if each.strip()),
        "uid_attribute": reading["uid_attribute"].lower(),
        "unix_uids": not reading.pop("no_unix_uids"),
        "updates": choice is Existing.UPDATE,
    }
    source = Source(
        kind,
        Reading(units=units, clear_text=hash_clear_text, **reading),
        _HASHED_AT_A_TIME if hash_clear_text else _AT_A_TIME,
        with_users=hash_clear_text or choice is not Existing.SKIP,
    )
    invocation: Invocation = context.obj
    store, hasher, policy = invocation.store, invocation.hasher, invocation.config.policy
    groups = GroupImport(store, ExistingGroups(existing), bad_lines == "skip", check_only)
    again = with_groups or (bad_lines == "refuse" and not check_only)
    with _input(file, again=again) as (opened, size):
        if bad_lines == "refuse" or check_only:
            lines, coming = None, None
            if with_groups and check_only:
                lines = groups.read(kind, opened.file, source.reading)
                coming = ComingUsers.for_groups(lines, store)
            checked = Import(store, choice, hasher, _report, kind, policy, coming)
            with opened(source) as batches, Progress("Checking", size) as progress:
                progress.follow(checked.check(batches), lambda: checked.summary.seen)
            if check_only:
                _tell_check(checked.summary, with_groups=with_groups)
                is_well = not checked.summary.bad
                if lines is not None and coming is not None:
                    is_well &= tell_groups(groups, groups.load(lines, coming.put))
                context.exit(0 if is_well else ExitStatus.REFUSED)
            if bad := checked.summary.bad:
                click.echo(f"{_lines(bad)} bad: no user was added.", err=True)
                context.exit(ExitStatus.REFUSED)
        running = Import(store, choice, hasher, _report, kind, policy)
        try:
            with opened(source) as batches, Progress("Importing", size) as progress:
                progress.follow(running.write(batches), lambda: running.summary.seen)
        except KeyboardInterrupt:
            click.echo(_INTERRUPTED, err=True)
            raise
        finally:
            _tell(running.summary, with_groups=with_groups)
        groups_are_well = True
        if with_groups:
            groups_are_well = tell_groups(groups, groups.run(kind, opened.file, source.reading))
    if running.summary.bad or not groups_are_well:
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
        return closing(source.read(self._given))

    def file(self) -> AbstractContextManager[BinaryIO]:
        """Return the input, open at its beginning."""
        if isinstance(self._given, Path):
            return self._given.open("rb")
        self._given.seek(0)
        return nullcontext(self._given)


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


def _tell(summary: Summary, *, with_groups: bool) -> None:
    text = f"{summary.added} added, {summary.changed} changed, {summary.existing} there already"
    click.echo(f"{text}, {_lines(summary.bad)} skipped.")
    _tell_left_out(summary, with_groups=with_groups)


def _tell_check(summary: Summary, *, with_groups: bool) -> None:
    text = f"{summary.added} would be added, {summary.changed} changed"
    click.echo(f"{text}, {summary.existing} there already, {_lines(summary.bad)} bad.")
    _tell_left_out(summary, with_groups=with_groups)


def _tell_left_out(summary: Summary, *, with_groups: bool) -> None:
    if with_groups:
        summary.left_out.pop(GROUPS_LEFT_OUT, None)
    for why, number in sorted(summary.left_out.items()):
        word = "taken" if why == UNKNOWN_HASHES else "left out"
        click.echo(f"{number} {word} {why}.", err=True)


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"
