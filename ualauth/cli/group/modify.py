"""`ualauth group modify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ualauth.cli.group.fields import check_one, field_options
from ualauth.cli.group.record import member_names
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain

if TYPE_CHECKING:
    from ualauth.userlist.group_record import GroupChanges
    from ualauth.userlist.names import ORName


@click.command("modify")
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True)
@click.option("--rename", metavar="NAME", help="A new name for the group.")
@field_options
@click.option("--add-address", multiple=True, metavar="ADDRESS", help="One address more.")
@click.option("--remove-address", multiple=True, metavar="ADDRESS", help="One address less.")
@click.option("--no-address", is_flag=True, help="No address at all.")
@click.option("--add-member", multiple=True, metavar="MEMBER", help="One member more.")
@click.option("--remove-member", multiple=True, metavar="MEMBER", help="One member less.")
@click.pass_obj
def command(  # noqa: PLR0913 - the options
    invocation: Invocation,
    /,
    *,
    groups: Sequence[str],
    rename: str | None,
    or_name: ORName | None,
    addresses: Sequence[str],
    add_address: Sequence[str],
    remove_address: Sequence[str],
    no_address: bool,
    add_member: Sequence[str],
    remove_member: Sequence[str],
) -> None:
    """Change groups, and who is in them.

    What is not mentioned stays as it is. --address replaces all addresses. With a new name, an
    O/R name that was made of the old one is made of the new one.
    """
    from ualauth.userlist.administration import edit_addresses  # noqa: PLC0415 - loads SQLAlchemy

    check_one(
        groups,
        [
            ("--rename", rename),
            ("--name", or_name),
            ("--address", addresses),
            ("--add-address", add_address),
        ],
    )
    if no_address and (addresses or add_address):
        raise click.UsageError("Either set addresses or empty them.")
    values: GroupChanges = {}
    if rename is not None:
        values["name"] = rename
    if or_name is not None:
        values["or_name"] = or_name
    if addresses or no_address:
        values["addresses"] = tuple(addresses)
    edits = bool(add_address or remove_address)
    if not (values or edits or add_member or remove_member):
        raise click.UsageError("Say what to change; see --help.")
    store = invocation.store
    records = list({group.id: group for group in map(store.groups.get, groups)}.values())
    more, less = member_names(store, add_member), member_names(store, remove_member)
    for group in records:
        changes: GroupChanges = {**values}
        if edits:
            present = changes.get("addresses", group.addresses)
            changes["addresses"] = edit_addresses(
                present, add_address, remove_address, "this group's"
            )
        changed = store.groups.update(group, add_members=more, remove_members=less, **changes)
        click.echo(f"Changed {plain(changed.name)}.")
