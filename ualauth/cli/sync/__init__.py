"""`ualauth sync`: users and groups from a directory.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "add": ("ualauth.cli.sync.add", "Add an agreement with a directory."),
    "list": ("ualauth.cli.sync.list", "List all agreements."),
    "show": ("ualauth.cli.sync.show", "Show an agreement and its last run."),
    "modify": ("ualauth.cli.sync.modify", "Change an agreement."),
    "run": ("ualauth.cli.sync.run", "Plan what the directory asks for, and do it."),
    "resync": ("ualauth.cli.sync.resync", "Read all of the directory, and do what it asks for."),
    "watch": ("ualauth.cli.sync.watch", "Follow directories until it is stopped."),
    "schema": ("ualauth.cli.sync.schema", "Write the schema of a directory's users and groups."),
    "purge": ("ualauth.cli.sync.purge", "Delete users whose entries are long gone."),
    "delete": ("ualauth.cli.sync.delete", "Delete an agreement."),
}


@click.group("sync", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Take users and groups over from a directory, one way.

    It goes one way, into the USERLIST. Nothing is changed before a plan stands, and one that
    locks many users waits to be confirmed.
    Passwords stay in the directory: om_ldap or om_krb5 verifies them.
    """
