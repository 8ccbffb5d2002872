"""`ualauth user unlock`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain


@click.command("unlock")
@click.argument("user")
@click.pass_obj
def command(invocation: Invocation, *, user: str) -> None:
    """Let a locked user in again.

    Forgets the user's failed logins, too, and with them every lock that came
    of them.
    """
    store = invocation.store
    record = store.get(user)
    who = plain(record.authid)
    failed = store.forget_all_failures(record)
    if record.locked:
        store.update(record, locked=False, lock_reason="")
    if failed or record.locked:
        click.echo(f"{who} is unlocked{', and the failed logins are forgotten' if failed else ''}.")
    else:
        click.echo(f"{who} is unlocked already.")
