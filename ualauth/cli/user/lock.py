"""`ualauth user lock`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain


@click.command("lock")
@click.argument("user")
@click.option("--reason", default="", metavar="TEXT", help="Why: for administrators only.")
@click.pass_obj
def command(invocation: Invocation, *, user: str, reason: str) -> None:
    """Lock a user out.

    Nothing else changes: unlock lets the user in again with the same password.
    """
    record = invocation.store.get(user)
    if record.locked and reason in ("", record.lock_reason):
        click.echo(f"{plain(record.authid)} is locked already.")
        return
    record = invocation.store.update(record, locked=True, lock_reason=reason)
    click.echo(f"{plain(record.authid)} is locked.")
