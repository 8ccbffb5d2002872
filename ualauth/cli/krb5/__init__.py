"""`ualauth krb5`: the Kerberos of a service.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "test": ("ualauth.cli.krb5.test", "Ask the KDCs of a service, step by step."),
}


@click.group("krb5", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Look into the Kerberos of a service."""
