"""`ualauth company restore`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ualauth.cli.completion import companies as complete_companies
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain


@click.command("restore")
@click.argument(
    "companies", metavar="COMPANY...", nargs=-1, required=True, shell_complete=complete_companies
)
@click.pass_obj
def command(invocation: Invocation, *, companies: Sequence[str]) -> None:
    """Undo delete.

    Users whom it has locked get in again; who was locked before stays locked.
    """
    store = invocation.store.companies
    for company in [store.get(name) for name in companies]:
        click.echo(f"Restored {plain(store.restore(company).name)}.")
