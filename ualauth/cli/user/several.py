"""Several users in one command: each is told by itself, and one that fails hinders no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from ualauth.cli.completion import users
from ualauth.cli.exits import ExitStatus
from ualauth.cli.plain import plain
from ualauth.errors import UserError
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

users_argument = click.argument(
    "users", metavar="USER...", nargs=-1, required=True, shell_complete=users
)
"""One user or more; the parameter is called `users`."""


def for_each(
    context: click.Context,
    store: UserStore,
    names: Sequence[str],
    work: Callable[[User], object],
) -> None:
    """Do something with each user whom one of `names` means; end with 1 if it failed for one.

    Where it is one alone, the error is the command's own.
    """
    if len(names) == 1:
        work(store.get(names[0]))
        return
    failed = False
    for name in names:
        try:
            work(store.get(name))
        except UserError as error:
            failed = True
            click.echo(f"Error: {plain(str(error))}", err=True)
    if failed:
        context.exit(ExitStatus.REFUSED)
