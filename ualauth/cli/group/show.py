"""`ualauth group show`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ualauth.cli.group.record import group_json, group_rows
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, lines, print_json


@click.command("show")
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each GROUP.")
@click.pass_obj
def command(invocation: Invocation, *, groups: Sequence[str], as_json: bool) -> None:
    """Show groups and their members.

    "users by groups" are in it since a group that is a member has them.
    """
    store = invocation.store.groups
    records = [store.get(name) for name in groups]
    for number, group in enumerate(records):
        members = store.members(group)
        if as_json:
            nested = {"all_users": list(store.users(group)), "member_of": list(store.above(group))}
            print_json(group_json(group, members) | nested)
            continue
        table = grid()
        rows = group_rows(group, members, store.above(group), store.users(group))
        for label, text in rows.items():
            table.add_row(cell(label, "dim"), lines(text))
        if number:
            console().print()
        console().print(table)
