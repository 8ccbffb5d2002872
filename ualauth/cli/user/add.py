"""`ualauth user add`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.passwords import (
    new_password_options,
    read_password_or_none,
    warn_of_http,
    warn_of_sasl,
)
from ualauth.cli.plain import plain
from ualauth.cli.user.fields import field_options
from ualauth.userlist.administration import add_user
from ualauth.userlist.policy import print_own
from ualauth.userlist.record import Changes, NewUser


@click.command("add")
@click.argument("authid")
@field_options(name_required=True)
@new_password_options
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    password_stdin: bool,
    no_password: bool,
    policy: Sequence[tuple[str, Any]],
    **fields: object,
) -> None:
    """Add a user.

    Asks for the password twice, unless told otherwise. Without a password
    no user gets in by one, except where a stack says nullok.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    if policy:
        given["policy"] = print_own(dict(policy))
    new = NewUser(**cast("Changes", given))
    store = invocation.store
    password = read_password_or_none(from_stdin=password_stdin, none=no_password)
    user = add_user(store, invocation.hasher, new, password)
    click.echo(f"Added {plain(user.authid)}, {plain(str(user.name))}.")
    warn_of_http(user.authid)
    if password is not None:
        warn_of_sasl(store.secrets(user))
