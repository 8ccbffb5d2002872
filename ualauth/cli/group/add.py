"""`ualauth group add`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ualauth.cli.group.fields import check_one, field_options
from ualauth.cli.group.record import member_names
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain

if TYPE_CHECKING:
    from ualauth.userlist.names import ORName


@click.command("add")
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True)
@field_options
@click.option(
    "--member",
    "members",
    multiple=True,
    metavar="MEMBER",
    help="A user or another group that is in it; may be repeated.",
)
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    groups: Sequence[str],
    or_name: ORName | None,
    addresses: Sequence[str],
    members: Sequence[str],
) -> None:
    """Add groups.

    GROUP is the name of the new group: no user, and no other group, may have it.
    """
    from ualauth.userlist.group_record import NewGroup, usual_or_name  # noqa: PLC0415 - SQLAlchemy

    check_one(groups, [("--name", or_name), ("--address", addresses)])
    new = [
        NewGroup(name=name, or_name=or_name or usual_or_name(name), addresses=tuple(addresses))
        for name in groups
    ]
    store = invocation.store
    names = member_names(store, members)
    for each in new:
        group = store.groups.add(each, names)
        click.echo(f"Added {plain(group.name)}, {plain(str(group.or_name))}.")
