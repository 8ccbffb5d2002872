"""`ualauth user delete`."""

from __future__ import annotations

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.prompts import ask_whether


@click.command("delete")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(context: click.Context, *, user: str, yes: bool) -> None:
    """Delete a user.

    Asks before it does, unless told not to. What belongs to the user in the
    USERLIST is deleted too; the mailbox is not the USERLIST's business.
    """
    invocation: Invocation = context.obj
    record = invocation.store.get(user)
    who = f"{plain(record.authid)}, {plain(str(record.name))}"
    if not yes and not ask_whether(f"Delete {who}?"):
        click.echo("Nothing was deleted.", err=True)
        context.exit(ExitStatus.REFUSED)
    invocation.store.delete(record)
    click.echo(f"Deleted {who}.")
