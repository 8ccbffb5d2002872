"""`ualauth user export`."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import click

from ualauth.cli.invocation import Invocation
from ualauth.interchange.exporting import exported, private_file
from ualauth.interchange.formats import FORMATS
from ualauth.interchange.writing import Writing


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), required=True)
@click.option("--no-passwords", is_flag=True, help="Write neither hashes nor SCRAM secrets.")
@click.option("--base-dn", default="", help="What the users of an LDIF file stand below.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    file: str,
    kind: str,
    no_passwords: bool,
    base_dn: str,
) -> None:
    """Write all users to a file.

    FILE may be -, standard output, which is the default. The file has the hashes
    of all users, and is readable for its owner only. CSV
    carries all there is to know; the other formats what they have a place for.
    """
    pieces = exported(
        invocation.store,
        kind,
        Writing(passwords=not no_passwords, base=base_dn),
    )
    if file != "-":
        with private_file(Path(file)) as written:
            written.writelines(pieces)
        return
    if not no_passwords and _others_read_stdout():
        raise click.UsageError(
            "Others may read that output, and hashes would be in it: name a FILE, "
            "or use --no-passwords.",
        )
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


def _others_read_stdout() -> bool:
    """Return whether stdout is a file that its group or anybody may read."""
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o044)
