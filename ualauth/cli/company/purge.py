"""`ualauth company purge`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from ualauth.cli.completion import companies as complete_companies
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.prompts import ask_whether


@click.command("purge")
@click.argument("companies", metavar="[COMPANY]...", nargs=-1, shell_complete=complete_companies)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(context: click.Context, /, *, companies: Sequence[str], yes: bool) -> None:
    """Remove what was deleted 30 days ago, for good.

    Without COMPANY, every company whose time has come. Its users and groups go with it, and its
    mail node and domains are free again.
    """
    invocation: Invocation = context.obj
    store, now = invocation.store.companies, datetime.now(UTC)
    if companies:
        records = [store.get(name) for name in companies]
    else:
        records = [
            company for company in store.all() if (due := company.purged_from) and due <= now
        ]
    for company in records:
        shown = f"{plain(company.name)} ({store.size(company).users} users)"
        if not yes and not ask_whether(f"Remove {shown} for good?"):
            click.echo("Nothing more was removed.", err=True)
            context.exit(ExitStatus.REFUSED)
        store.purge(company)
        click.echo(f"Removed {plain(company.name)}.")
    if not records:
        click.echo("There is nothing to remove.", err=True)
