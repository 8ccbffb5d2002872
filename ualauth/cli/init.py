"""`ualauth init`: the configuration folder and the USERLIST."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, line
from ualauth.config.install import InstallAction, install


@click.command("init")
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Create the configuration folder and the USERLIST.

    Puts ualauth.toml, the service files and examples there, and creates or
    upgrades the USERLIST. What exists is never overwritten: call it again
    whenever you like, and after every upgrade.
    """
    styles = {
        InstallAction.CREATED: "green",
        InstallAction.UPGRADED: "green",
        InstallAction.KEPT: "yellow",
    }
    for each in install(invocation.directory):
        line(cell(each.path), ": ", cell(each.action, styles.get(each.action, "dim")))
