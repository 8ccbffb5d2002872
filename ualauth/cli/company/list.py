"""`ualauth company list`."""

from __future__ import annotations

import click

from ualauth.cli.company.record import company_json, told_size
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_obj
def command(invocation: Invocation, *, as_json: bool) -> None:
    """List all companies.

    Prints the mail node, how many users there are, and the domains, in the order of the names.
    """
    store = invocation.store.companies
    for company in store.all():
        size = store.size(company)
        if as_json:
            print_json(company_json(company, size, store.administrators(company)), indent=None)
        else:
            click.echo(plain(f"{company.name:24}  {told_size(company, size)}"))
