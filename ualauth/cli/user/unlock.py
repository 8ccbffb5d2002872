"""`ualauth user unlock`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.user.lock import set_lock


@click.command("unlock")
@click.argument("user")
@click.pass_obj
def command(invocation: Invocation, *, user: str) -> None:
    """Let a locked user in again."""
    set_lock(invocation, user, locked=False)
