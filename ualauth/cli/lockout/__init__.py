"""`ualauth lockout`: who is locked out after failed logins.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "list": ("ualauth.cli.lockout.list", "List failed logins that count, and locks."),
    "show": ("ualauth.cli.lockout.show", "Show the failed logins of one user."),
    "clear": ("ualauth.cli.lockout.clear", "Forget failed logins, and so end locks."),
}


@click.group("lockout", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Show who is locked out after failed logins, and end it.

    Failures of all modules are here: those of om_auth under the user of the USERLIST,
    those of om_ldap, om_krb5 and om_oauth under the name that their system has. They
    count together, and a lock holds, for all services: the log says which failed.
    """
