"""`ualauth group list`."""

from __future__ import annotations

import click
from rich.cells import cell_len

from ualauth.cli.group.record import group_json
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.problems import count

_NAME = 24
_OR_NAME = 32
"""Columns for the names; a wider text moves the rest of its line."""


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_obj
def command(invocation: Invocation, *, as_json: bool) -> None:
    """List all groups.

    Prints the name, the O/R name, and how many members there are, in the order of the names.
    """
    store = invocation.store.groups
    for group in store.all():
        members = store.members(group)
        if as_json:
            print_json(group_json(group, members), indent=None)
            continue
        told = [count(len(members.users), "user")]
        if members.groups:
            told.append(count(len(members.groups), "group"))
        columns = (_padded(group.name, _NAME), _padded(str(group.or_name), _OR_NAME))
        click.echo("  ".join([*columns, ", ".join(told)]))


def _padded(text: str, width: int) -> str:
    shown = plain(text)
    return shown + " " * (width - cell_len(shown))
