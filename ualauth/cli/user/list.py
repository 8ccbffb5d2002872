"""`ualauth user list`."""

from __future__ import annotations

import click
from rich.cells import cell_len

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.user.record import remarks, user_json

_AUTHID = 20
_NAME = 36
"""Columns for the authid and the name; a wider text moves the rest of its line."""


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.option(
    "--missing-secrets",
    is_flag=True,
    help="Only users who cannot log in by every SCRAM mechanism yet: they have a password, "
    "but not all SASL secrets. Their next login with the password adds them.",
)
@click.pass_obj
def command(invocation: Invocation, *, as_json: bool, missing_secrets: bool) -> None:
    """List all users.

    Prints the authid, the O/R name, and what keeps the user out, in the order
    of the authids, and each as soon as it is read.
    """
    store = invocation.store
    wanted = invocation.hasher.mechanisms
    for user in store.users_without_secrets(wanted) if missing_secrets else store.users():
        if as_json:
            print_json(user_json(user), indent=None)
            continue
        # Not through rich, which takes twenty times as long.
        columns = (_padded(user.authid, _AUTHID), _padded(str(user.name), _NAME))
        click.echo("  ".join([*columns, ", ".join(remarks(user))]).rstrip())


def _padded(text: str, width: int) -> str:
    shown = plain(text)
    return shown + " " * (width - cell_len(shown))
