"""`ualauth sync delete`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.sync import store as agreements
from ualauth.sync.failures import SyncRefused


@click.command("delete")
@click.argument("name")
@click.option(
    "--release",
    is_flag=True,
    help="Its users and groups stay as they are, and are yours to change.",
)
@click.pass_obj
def command(invocation: Invocation, *, name: str, release: bool) -> None:
    """Delete an agreement, but none of its users and groups.

    One that has any needs --release.
    """
    store = invocation.store
    stored = store.transaction(lambda connection: agreements.get(connection, name))
    number = stored.active + stored.deleted
    if (number or stored.groups) and not release:
        raise SyncRefused(
            f"{name!r} has {number} users and {stored.groups} groups: with --release they stay, "
            "and are yours to change"
        )
    store.transaction(lambda connection: agreements.remove(connection, stored.id))
    click.echo(f"Deleted {name}.")
