"""`ualauth company`: the companies that are hosted.

Internal: it may change in any release.
"""

from __future__ import annotations

import click

from ualauth.cli.lazy import LazyGroup

COMMANDS = {
    "add": ("ualauth.cli.company.add", "Add a company."),
    "show": ("ualauth.cli.company.show", "Show companies."),
    "list": ("ualauth.cli.company.list", "List all companies."),
    "modify": ("ualauth.cli.company.modify", "Change a company."),
    "delete": ("ualauth.cli.company.delete", "Delete companies; they are kept for 30 days."),
    "restore": ("ualauth.cli.company.restore", "Undo delete."),
    "purge": ("ualauth.cli.company.purge", "Remove what was deleted 30 days ago, for good."),
    "hosting": ("ualauth.cli.company.hosting", "Switch hosting on or off, or show whether it is."),
}


@click.group("company", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Administer the companies that are hosted.

    COMPANY is the mail node (OU1) of a company, or one of its domains. Companies have no effect
    until ualauth company hosting on. From then on each sees only its own users and groups.
    """
