"""`ualauth user unlock`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.user.several import for_each, users_argument
from ualauth.userlist.record import User


@click.command("unlock")
@users_argument
@click.pass_context
def command(context: click.Context, *, users: tuple[str, ...]) -> None:
    """Let locked users in again.

    Forgets their failed logins, too, and with them every lock that came
    of them.
    """
    invocation: Invocation = context.obj
    store = invocation.store

    def unlock(user: User) -> None:
        failed = store.forget_all_failures(user)
        if user.locked:
            store.update(user, locked=False, lock_reason="")
        if not failed and not user.locked:
            click.echo(f"{plain(user.authid)} is unlocked already.")
            return
        forgotten = ", and the failed logins are forgotten" if failed else ""
        click.echo(f"{plain(user.authid)} is unlocked{forgotten}.")

    for_each(context, store, users, unlock)
