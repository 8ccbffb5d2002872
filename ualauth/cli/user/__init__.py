"""`ualauth user`: the users of the USERLIST.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "add": ("ualauth.cli.user.add", "Add a user."),
    "show": ("ualauth.cli.user.show", "Show users, without any hash."),
    "list": ("ualauth.cli.user.list", "List users: all, or some."),
    "find": ("ualauth.cli.user.find", "Show whom a login name means."),
    "modify": ("ualauth.cli.user.modify", "Change fields of users."),
    "passwd": ("ualauth.cli.user.passwd", "Set a user's password, without the old one."),
    "lock": ("ualauth.cli.user.lock", "Lock users out."),
    "unlock": ("ualauth.cli.user.unlock", "Let locked users in again."),
    "import": ("ualauth.cli.user.import_", "Add users from a file."),
    "export": ("ualauth.cli.user.export", "Write all users to a file."),
    "delete": ("ualauth.cli.user.delete", "Delete users."),
}


@click.group("user", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Administer the users of the USERLIST.

    USER is an authid, an e-mail address, or an O/R name in either form, as far
    as only one user has it. AUTHID is what the user logs in with. Dates are
    ISO 8601, such as 2030-12-31 or 2030-12-31T18:00+01:00: a date means its
    first moment, and without a zone, this host's.
    """
