"""`ualauth user lock`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain


@click.command("lock")
@click.argument("user")
@click.pass_obj
def command(invocation: Invocation, *, user: str) -> None:
    """Lock a user out.

    Nothing else changes: unlock lets the user in again with the same password.
    """
    set_lock(invocation, user, locked=True)


def set_lock(invocation: Invocation, user: str, *, locked: bool) -> None:
    """Lock or unlock a user."""
    record = invocation.store.get(user)
    word = "locked" if locked else "unlocked"
    if record.locked is locked:
        click.echo(f"{plain(record.authid)} is {word} already.")
        return
    record = invocation.store.update(record, locked=locked)
    click.echo(f"{plain(record.authid)} is {word}.")
