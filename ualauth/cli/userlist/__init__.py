"""`ualauth userlist`: the USERLIST as a whole.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "backup": ("ualauth.cli.userlist.backup", "Write a copy of the USERLIST."),
    "copy": ("ualauth.cli.userlist.copy", "Copy a USERLIST into another database."),
    "progress": ("ualauth.cli.userlist.progress", "Show how many users have moved in."),
    "restore": ("ualauth.cli.userlist.restore", "Make the USERLIST what a copy says."),
}


@click.group("userlist", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Keep a copy of the USERLIST, put it back, or move it.

    Programs that use it go on meanwhile.
    """
