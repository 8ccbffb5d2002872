"""`ualauth sync purge`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.sync import store as agreements
from ualauth.sync.purge import purge, purge_groups


@click.command("purge")
@click.argument("name")
@click.option(
    "--days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Users whose entries are gone for so long; as the agreement says by default.",
)
@click.pass_obj
def command(invocation: Invocation, *, name: str, days: int | None) -> None:
    """Delete users and groups for good whose entries are gone from the directory for long.

    Their names are free then. Administrators stay.
    """
    store = invocation.store
    stored = store.transaction(lambda connection: agreements.get(connection, name))
    age = timedelta(days=stored.agreement.keep_days if days is None else days)
    before = datetime.now(UTC) - age
    seen = store.seen_by(stored.view)
    authids = seen.transaction(lambda connection: purge(connection, stored.id, before))
    for authid in authids:
        click.echo(f"Deleted {plain(authid)}.")
    names = seen.transaction(lambda connection: purge_groups(connection, stored.id, before))
    for group in names:
        click.echo(f"Deleted the group {plain(group)}.")
    if not authids and not names:
        click.echo("No user is gone for so long.")
