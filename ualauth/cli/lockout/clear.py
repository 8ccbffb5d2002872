"""`ualauth lockout clear`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import warn_of_several
from ualauth.cli.problems import count


@click.command("clear")
@click.option("--user", help="Of this user, or of this name in another system.")
@click.option("--source", help="From this address, IPv6 network or host.")
@click.option("--all", "everything", is_flag=True, help="Of every user, from everywhere.")
@click.pass_obj
def command(
    invocation: Invocation, *, user: str | None, source: str | None, everything: bool
) -> None:
    """Forget failed logins, and so end locks that came of them, at the very next login."""
    if everything is (user is not None or source is not None):
        raise click.UsageError("say --user or --source, or both, or else --all")
    keys = None if user is None else invocation.store.failure_keys(user)
    number = invocation.store.clear_failures(keys, source)
    click.echo(f"The failed logins of {count(number, 'user and source')} are forgotten.")
    warn_of_several(invocation, user)
