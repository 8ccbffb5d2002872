"""`ualauth company show`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ualauth.cli.company.record import company_json, company_rows
from ualauth.cli.completion import companies as complete_companies
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, lines, print_json


@click.command("show")
@click.argument(
    "companies", metavar="COMPANY...", nargs=-1, required=True, shell_complete=complete_companies
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each COMPANY.")
@click.pass_obj
def command(invocation: Invocation, *, companies: Sequence[str], as_json: bool) -> None:
    """Show companies: their domains, administrators, limits and sizes."""
    store = invocation.store.companies
    for number, company in enumerate([store.get(name) for name in companies]):
        size, administrators = store.size(company), store.administrators(company)
        if as_json:
            print_json(company_json(company, size, administrators))
            continue
        table = grid()
        for label, text in company_rows(company, size, administrators).items():
            table.add_row(cell(label, "dim"), lines(text))
        if number:
            console().print()
        console().print(table)
