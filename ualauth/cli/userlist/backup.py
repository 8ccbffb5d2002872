"""`ualauth userlist backup`."""

from __future__ import annotations

from pathlib import Path

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def command(invocation: Invocation, *, file: Path) -> None:
    """Write a copy of the USERLIST to FILE, as it is at one moment.

    FILE has all hashes: only its owner may read it. One that is there is replaced
    when the copy is whole.
    """
    invocation.store.back_up(file)
    click.echo(f"{plain(str(file))} is written.")
