"""`ualauth user unlock`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.user.several import for_each, users_argument
from ualauth.userlist.policy import print_own, read_own
from ualauth.userlist.record import User


@click.command("unlock")
@users_argument
@click.pass_context
def command(context: click.Context, *, users: tuple[str, ...]) -> None:
    """Let locked users in again.

    Forgets their failed logins, too, and with them every lock that came
    of them; likewise what they submitted, and the services that they
    themselves are locked for.
    """
    invocation: Invocation = context.obj
    store = invocation.store

    def unlock(user: User) -> None:
        failed = store.forget_all_failures(user)
        store.forget_submissions(user)
        rules = read_own(user.policy)
        services = rules.pop("locked_services", ())
        is_locked = user.locked or bool(services)
        if is_locked:
            store.update(user, locked=False, lock_reason="", policy=print_own(rules))
        if not failed and not is_locked:
            click.echo(f"{plain(user.authid)} is unlocked already.")
            return
        forgotten = ", and the failed logins are forgotten" if failed else ""
        click.echo(f"{plain(user.authid)} is unlocked{forgotten}.")

    for_each(context, store, users, unlock)
