"""`ualauth sync modify`."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.sync.options import agreement_options, values_of
from ualauth.sync import store as agreements


@click.command("modify")
@click.argument("name")
@agreement_options(new=False)
@click.pass_obj
def command(invocation: Invocation, /, *, name: str, **given: Any) -> None:  # noqa: ANN401 - as click has it
    """Change an agreement.

    What is not mentioned stays as it is; --uri replaces all servers. The next run plans anew, and
    its guard holds: another base or filter may leave users without their entries.
    """
    values = values_of(given)
    if not values:
        raise click.UsageError("Say what to change; see --help.")
    store = invocation.store
    stored = store.transaction(lambda connection: agreements.get(connection, name))
    if "mapping" in values:
        values["mapping"] = {**stored.agreement.mapping, **values["mapping"]}
    new = dataclasses.replace(stored.agreement, **values)
    store.transaction(lambda connection: agreements.change(connection, stored, new))
    click.echo(f"Changed {name}: ualauth sync run {name} --dry-run shows what that means.")
