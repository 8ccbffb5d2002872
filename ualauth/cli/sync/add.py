"""`ualauth sync add`."""

from __future__ import annotations

from typing import Any

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.sync.options import agreement_options, values_of
from ualauth.cli.sync.report import print_plan
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.run import first_plan


@click.command("add")
@click.argument("name")
@agreement_options(new=True)
@click.pass_context
def command(context: click.Context, /, *, name: str, **given: Any) -> None:  # noqa: ANN401 - as click has it
    """Add an agreement.

    The directory is asked at once, and what a first run would do is shown; nothing of it is done.
    """
    invocation: Invocation = context.obj
    agreement = Agreement(name=name, **values_of(given))
    try:
        plan = first_plan(invocation.store, agreement)
    except SyncUnavailable as error:
        click.echo(f"Error: {plain(str(error))}", err=True)
        context.exit(ExitStatus.TEMPORARY)
    invocation.store.transaction(lambda connection: agreements.add(connection, agreement))
    print_plan(plan, plan.conflicts)
    click.echo(f"Added {name}: ualauth sync run {name} does that.")
