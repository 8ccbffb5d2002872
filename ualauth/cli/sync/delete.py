"""`ualauth sync delete`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.sync import store as agreements
from ualauth.sync.failures import SyncRefused


@click.command("delete")
@click.argument("name")
@click.option(
    "--release", is_flag=True, help="Its users stay as they are, and are yours to change."
)
@click.pass_obj
def command(invocation: Invocation, *, name: str, release: bool) -> None:
    """Delete an agreement, but none of its users.

    One that has users needs --release.
    """
    store = invocation.store
    stored = store.transaction(lambda connection: agreements.get(connection, name))
    if (number := stored.active + stored.deleted) and not release:
        raise SyncRefused(
            f"{name!r} has {number} users: with --release they stay, and are yours to change"
        )
    store.transaction(lambda connection: agreements.remove(connection, stored.id))
    click.echo(f"Deleted {name}.")
