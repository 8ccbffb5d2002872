"""`ualauth sync purge`."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.sync.auditing import write_to_audit_file
from ualauth.sync import store as agreements
from ualauth.sync.purge import gone_of, purge_all


@click.command("purge")
@click.argument("name")
@click.option(
    "--days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Users whose entries are gone for so long; as the agreement says by default.",
)
@click.option("--dry-run", is_flag=True, help="Show who would be deleted, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print who is deleted as JSON.")
@click.pass_obj
def command(
    invocation: Invocation, *, name: str, days: int | None, dry_run: bool, as_json: bool
) -> None:
    """Delete users and groups for good whose entries are gone from the directory for long.

    Their names are free then. Administrators stay.
    """
    store = invocation.store
    write_to_audit_file(invocation.config)
    stored = store.transaction(lambda connection: agreements.get(connection, name))
    age = timedelta(days=stored.agreement.keep_days if days is None else days)
    before = datetime.now(UTC) - age
    purged = (gone_of if dry_run else purge_all)(store, stored, before)
    if as_json:
        print_json(dataclasses.asdict(purged) | {"applied": not dry_run})
        return
    done = "Would delete" if dry_run else "Deleted"
    for authid in purged.users:
        click.echo(f"{done} {plain(authid)}.")
    for group in purged.groups:
        click.echo(f"{done} the group {plain(group)}.")
    if not purged.users and not purged.groups:
        click.echo("No user is gone for so long.")
