"""`ualauth lockout show`."""

from __future__ import annotations

import click

from ualauth.cli.completion import users
from ualauth.cli.invocation import Invocation
from ualauth.cli.lockout.list import listed
from ualauth.cli.output import warn_of_several


@click.command("show")
@click.argument("user", shell_complete=users)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_obj
def command(invocation: Invocation, *, user: str, as_json: bool) -> None:
    """Show the failed logins of one user, from each source.

    USER is a user of the USERLIST, or a name in another system.
    """
    if not listed(invocation, user=user, as_json=as_json):
        click.echo("No failed login counts.", err=as_json)
    warn_of_several(invocation, user)
