"""`ualauth group delete`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.prompts import ask_whether


@click.command("delete")
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(context: click.Context, *, groups: Sequence[str], yes: bool) -> None:
    """Delete groups, but none of their members.

    Asks before it does, unless told not to. A service file that names a deleted group lets no
    user in by it: ualauth check tells of it.
    """
    invocation: Invocation = context.obj
    store = invocation.store.groups
    records = list({group.id: group for group in map(store.get, groups)}.values())
    who = ", ".join(plain(group.name) for group in records)
    if not yes and not ask_whether(f"Delete {who}?"):
        click.echo("Nothing was deleted.", err=True)
        context.exit(ExitStatus.REFUSED)
    for group in records:
        store.delete(group)
        click.echo(f"Deleted {plain(group.name)}.")
