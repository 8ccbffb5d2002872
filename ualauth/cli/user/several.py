"""Several users in one command: each is told by itself, and one that fails hinders no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from ualauth.cli.completion import users
from ualauth.cli.exits import ExitStatus
from ualauth.cli.plain import plain
from ualauth.errors import UserError, UserUnknown
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

users_argument = click.argument(
    "users", metavar="USER...", nargs=-1, required=True, shell_complete=users
)
"""One user or more; the parameter is called `users`."""


def user_named(store: UserStore, name: str) -> User:
    """Return the user whom a name means; the error for none tells of names that are like it.

    Raises:
        UserUnknown: if there is not exactly one.

    """
    try:
        return store.get(name)
    except UserUnknown as error:
        if store.fitting(name).users:
            # It says already which.
            raise
        *others, last = [repr(each) for each in store.near_names(name)] or [""]
        near = f"{', '.join(others)} or {last}" if others else last
        hint = f"; did you mean {near}?" if near else ""
        raise UserUnknown(f"{error}{hint}") from None


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
        work(user_named(store, names[0]))
        return
    failed = False
    for name in names:
        try:
            work(user_named(store, name))
        except UserError as error:
            failed = True
            click.echo(f"Error: {plain(str(error))}", err=True)
    if failed:
        context.exit(ExitStatus.REFUSED)
