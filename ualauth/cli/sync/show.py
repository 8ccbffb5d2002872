"""`ualauth sync show`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, print_json
from ualauth.cli.sync.report import agreement_dict, counted, settings_of
from ualauth.sync import store as agreements


@click.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(invocation: Invocation, *, name: str, as_json: bool) -> None:
    """Show an agreement, its users and its last run."""
    stored = invocation.store.transaction(lambda connection: agreements.get(connection, name))
    if as_json:
        print_json(agreement_dict(stored))
        return
    table, state = grid(), stored.state
    rows = [
        *settings_of(stored),
        ("company", stored.company or "the server's own"),
        ("users", str(stored.active)),
        ("deleted users", str(stored.deleted)),
        ("groups", str(stored.groups)),
        ("last run", state.get("run", "never")),
        ("last success", state.get("success", "never")),
        ("it did", counted(state.get("counts", {}))),
        ("last error", state.get("error") or "none"),
    ]
    for label, text in rows:
        table.add_row(cell(label.replace("_", " "), "dim"), cell(text))
    console().print(table)
