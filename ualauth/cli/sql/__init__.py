"""`ualauth sql`: databases that om_sql asks.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "test": ("ualauth.cli.sql.test", "Try an om_sql.conf step by step."),
}


@click.group("sql", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Find out why a database does not answer as expected."""
