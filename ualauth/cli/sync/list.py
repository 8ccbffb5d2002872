"""`ualauth sync list`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.sync.report import agreement_dict
from ualauth.sync import store as agreements


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_obj
def command(invocation: Invocation, *, as_json: bool) -> None:
    """List all agreements, with their users and their last runs."""
    for stored in invocation.store.transaction(agreements.all_of):
        if as_json:
            print_json(agreement_dict(stored), indent=None)
            continue
        agreement, state = stored.agreement, stored.state
        last = f"last success {state.get('success', 'never')}"
        error = f", {state['error']}" if state.get("error") else ""
        text = f"{agreement.name}  {agreement.product.value}  {stored.active} users, {last}{error}"
        click.echo(plain(text))
