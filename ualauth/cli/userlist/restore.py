"""`ualauth userlist restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain

if TYPE_CHECKING:
    from ualauth.userlist.store import UserStore


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask whether all that is there may go.")
@click.pass_obj
def command(invocation: Invocation, *, file: Path, yes: bool) -> None:
    """Make the USERLIST what FILE says, which `ualauth userlist backup` wrote.

    It is one change, which holds for the very next login. A copy that is damaged, or no
    USERLIST, changes nothing; one of an older version is upgraded.
    """
    if not yes:
        click.confirm("All that was changed since that copy is lost. Go on?", abort=True)
    store = _store(invocation)
    store.put_back(file)
    click.echo(f"The USERLIST is what {plain(str(file))} says.")


def _store(invocation: Invocation) -> UserStore:
    from ualauth.userlist.store import UserStore  # noqa: PLC0415 - loads SQLAlchemy

    return invocation.base.resource(UserStore)
