"""`ualauth user list`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, line, print_json
from ualauth.cli.user.record import remarks, user_json

_WIDTHS = (20, 36)
"""Columns for the authid and the name. A wider text moves the rest of its line."""


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_obj
def command(invocation: Invocation, *, as_json: bool) -> None:
    """List all users by authid, as they are read: there may be millions.

    Prints the authid, the O/R name, and what keeps the user out.
    """
    for user in invocation.store.users():
        if as_json:
            print_json(user_json(user), indent=None)
            continue
        authid, name = cell(user.authid, "cyan"), cell(user.name)
        for text, width in zip((authid, name), _WIDTHS, strict=True):
            text.pad_right(max(0, width - text.cell_len))
        line(authid, "  ", name, "  ", cell(", ".join(remarks(user)), "yellow"))
