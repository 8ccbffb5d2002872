"""`ualauth user`: the users of the USERLIST.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "add": ("ualauth.cli.user.add", "Add a user."),
    "show": ("ualauth.cli.user.show", "Show a user, without any hash."),
    "list": ("ualauth.cli.user.list", "List all users."),
    "modify": ("ualauth.cli.user.modify", "Change fields of a user."),
    "passwd": ("ualauth.cli.user.passwd", "Set a user's password, without the old one."),
    "lock": ("ualauth.cli.user.lock", "Lock a user out."),
    "unlock": ("ualauth.cli.user.unlock", "Let a locked user in again."),
    "import": ("ualauth.cli.user.import_", "Add users from a file."),
    "export": ("ualauth.cli.user.export", "Write all users to a file."),
    "delete": ("ualauth.cli.user.delete", "Delete a user."),
}


@click.group("user", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Administer the users of the USERLIST.

    USER is an authid, an e-mail address, or an O/R name in either form, as far
    as only one user has it. AUTHID is what the user logs in with. Dates are
    ISO 8601, such as 2030-12-31 or 2030-12-31T18:00+01:00: a date means its
    first moment, and without a zone, this host's.
    """
