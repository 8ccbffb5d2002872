"""`ualauth user lock`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.user.several import for_each, users_argument
from ualauth.userlist.record import User


@click.command("lock")
@users_argument
@click.option("--reason", default="", metavar="TEXT", help="Why: for administrators only.")
@click.pass_context
def command(context: click.Context, *, users: tuple[str, ...], reason: str) -> None:
    """Lock users out.

    Nothing else changes: unlock lets them in again with the same password.
    """
    invocation: Invocation = context.obj

    def lock(user: User) -> None:
        if user.locked and reason in ("", user.lock_reason):
            click.echo(f"{plain(user.authid)} is locked already.")
            return
        invocation.store.update(user, locked=True, lock_reason=reason)
        click.echo(f"{plain(user.authid)} is locked.")

    for_each(context, invocation.store, users, lock)
