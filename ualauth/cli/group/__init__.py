"""`ualauth group`: the groups of the USERLIST.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "add": ("ualauth.cli.group.add", "Add groups."),
    "show": ("ualauth.cli.group.show", "Show groups and their members."),
    "list": ("ualauth.cli.group.list", "List all groups."),
    "modify": ("ualauth.cli.group.modify", "Change groups, and who is in them."),
    "import": ("ualauth.cli.group.import_", "Add groups from a file."),
    "export": ("ualauth.cli.group.export", "Write all groups to a file."),
    "delete": ("ualauth.cli.group.delete", "Delete groups."),
}


@click.group("group", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Administer the groups of the USERLIST.

    GROUP is the name of a group, one of its addresses, or its whole O/R name. MEMBER is a user,
    as ualauth user takes one, or a GROUP: groups may be members of others, but not of each other.
    Service files name groups: pam_if group=GROUP, pam_listfile item=group.
    """
