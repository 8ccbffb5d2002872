"""`ualauth company delete`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ualauth.cli.completion import companies as complete_companies
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.prompts import ask_whether


@click.command("delete")
@click.argument(
    "companies", metavar="COMPANY...", nargs=-1, required=True, shell_complete=complete_companies
)
@click.option("--with-users", is_flag=True, help="Lock its users, who are purged with it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(
    context: click.Context, /, *, companies: Sequence[str], with_users: bool, yes: bool
) -> None:
    """Delete companies; they are kept for 30 days.

    Its users are locked at once. Its mail node and its domains stay its own until ualauth company
    purge; until then ualauth company restore undoes it.
    """
    invocation: Invocation = context.obj
    store = invocation.store.companies
    records = [store.get(name) for name in companies]
    for company in records:
        shown = f"{plain(company.name)} ({store.size(company).users} users)"
        if not yes and not ask_whether(f"Delete {shown}?"):
            click.echo("Nothing more was deleted.", err=True)
            context.exit(ExitStatus.REFUSED)
        due = store.delete(company, with_users=with_users).purged_from
        click.echo(f"Deleted {plain(company.name)}; it is kept until {due:%Y-%m-%d}.")
