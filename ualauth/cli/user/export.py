"""`ualauth user export`."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import click

from ualauth.cli.callers_file import CallersFile
from ualauth.cli.invocation import Invocation
from ualauth.import_export.closing import told
from ualauth.import_export.exporter import exported, private_file
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.group_importer import exported_groups
from ualauth.import_export.line import Writing


@click.command("export")
@click.argument("file", type=CallersFile(dir_okay=False, allow_dash=True), default="-")
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), required=True)
@click.option("--no-passwords", is_flag=True, help="Write neither hashes nor SCRAM secrets.")
@click.option("--base-dn", default="", help="What the users of an LDIF file stand below.")
@click.option(
    "--open-restricted",
    is_flag=True,
    help="Write users as open who may log in only for some services, from some networks or at "
    "some hours, where the format cannot say so. They are written as locked otherwise.",
)
@click.option(
    "--same-settings",
    is_flag=True,
    help="The reader of a CSV or LDIF file has this ualauth.toml: leave out what it says of "
    "logins. Users get it as their own policy otherwise.",
)
@click.option(
    "--groups", "with_groups", is_flag=True, help="Write the groups behind the users of LDIF."
)
@click.pass_obj
def command(  # noqa: PLR0913 - one an option
    invocation: Invocation,
    *,
    file: str,
    kind: str,
    no_passwords: bool,
    base_dn: str,
    open_restricted: bool,
    same_settings: bool,
    with_groups: bool,
) -> None:
    """Write all users to a file.

    FILE may be -, standard output, which is the default. The file has the hashes
    of all users, and is readable for its owner only. Users who cannot log in are
    written so that they cannot where the file is read. What a format has no place for is
    told on standard error.
    """
    if with_groups and kind != "ldif":
        raise click.UsageError(f"A {kind} file has no groups: see ualauth group export.")
    writing = Writing(
        passwords=not no_passwords,
        base=base_dn,
        policy=invocation.config.policy,
        same_settings=same_settings,
        open_restricted=open_restricted,
    )
    pieces = exported(invocation.store, kind, writing)
    if with_groups:
        pieces = chain(pieces, exported_groups(invocation.store, kind, base_dn))
    if file != "-":
        with private_file(Path(file)) as written:
            written.writelines(pieces)
    else:
        _write_to_stdout(pieces, secret=not no_passwords)
    for line in told(writing, kind):
        click.echo(line, err=True)


def _write_to_stdout(pieces: Iterable[str], *, secret: bool) -> None:
    if secret and _others_read_stdout():
        raise click.UsageError(
            "Others may read that output, and hashes would be in it: name a FILE, "
            "or use --no-passwords.",
        )
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


def _others_read_stdout() -> bool:
    """Return whether stdout is a file that its group or every user may read."""
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o044)
