"""`ualauth user delete`."""

from __future__ import annotations

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.prompts import ask_whether
from ualauth.cli.user.several import for_each, users_argument
from ualauth.userlist.record import User


@click.command("delete")
@users_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(context: click.Context, *, users: tuple[str, ...], yes: bool) -> None:
    """Delete users.

    Asks before it does, of each, unless told not to. What belongs to a user in the
    USERLIST is deleted too; the mailbox is not the USERLIST's business.
    """
    invocation: Invocation = context.obj
    stays = False

    def delete(user: User) -> None:
        nonlocal stays
        who = f"{plain(user.authid)}, {plain(str(user.name))}"
        if not yes and not ask_whether(f"Delete {who}?"):
            stays = True
            click.echo(f"{who} stays." if len(users) > 1 else "Nothing was deleted.", err=True)
            return
        invocation.store.delete(user)
        click.echo(f"Deleted {who}.")

    for_each(context, invocation.store, users, delete)
    if stays:
        context.exit(ExitStatus.REFUSED)
