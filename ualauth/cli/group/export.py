"""`ualauth group export`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ualauth.cli.callers_file import CallersFile
from ualauth.cli.invocation import Invocation
from ualauth.import_export.exporter import private_file
from ualauth.import_export.group_importer import GROUP_FORMATS, exported_groups


@click.command("export")
@click.argument("file", type=CallersFile(dir_okay=False, allow_dash=True), default="-")
@click.option("--format", "kind", type=click.Choice(GROUP_FORMATS), required=True)
@click.option("--base-dn", default="", help="What the groups of an LDIF file stand below.")
@click.pass_obj
def command(invocation: Invocation, *, file: str, kind: str, base_dn: str) -> None:
    """Write all groups to a file.

    FILE may be -, standard output, which is the default. In LDIF, members are named as
    ualauth user export with the same --base-dn names users; with --groups that command writes
    groups, too.
    """
    pieces = exported_groups(invocation.store, kind, base_dn)
    if kind == "ldif":
        pieces = iter(["version: 1\n", *pieces])
    if file != "-":
        with private_file(Path(file)) as written:
            written.writelines(pieces)
        return
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()
