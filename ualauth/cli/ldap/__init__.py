"""`ualauth ldap`: directories that om_ldap asks.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "test": ("ualauth.cli.ldap.test", "Try an om_ldap.conf step by step."),
}


@click.group("ldap", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Find out why a directory does not answer as expected."""
