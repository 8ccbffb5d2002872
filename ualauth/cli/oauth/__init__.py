"""`ualauth oauth`: the issuers of tokens of a service.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "test": ("ualauth.cli.oauth.test", "Show what a token says, and which line takes it."),
}


@click.group("oauth", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Look into the issuers of tokens of a service."""
