"""`ualauth sync list`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.sync.report import agreement_dict, metrics_of
from ualauth.sync import store as agreements


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.option(
    "--metrics",
    is_flag=True,
    help="Print metrics, for the textfile collector of Prometheus' node_exporter.",
)
@click.pass_obj
def command(invocation: Invocation, *, as_json: bool, metrics: bool) -> None:
    """List all agreements, with their users and their last runs."""
    if metrics:
        every = invocation.store.transaction(agreements.all_of)
        click.echo(metrics_of(every), nl=False)
        return
    for stored in invocation.store.transaction(agreements.all_of):
        if as_json:
            print_json(agreement_dict(stored), indent=None)
            continue
        agreement, state = stored.agreement, stored.state
        last = f"last success {state.get('success', 'never')}"
        error = f", {state['error']}" if state.get("error") else ""
        company = f"  {stored.company}" if stored.company else ""
        head = f"{agreement.name}{company}  {agreement.product.value}"
        text = f"{head}  {stored.active} users, {last}{error}"
        click.echo(plain(text))
