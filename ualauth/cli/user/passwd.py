"""`ualauth user passwd`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.passwords import new_password_options, read_password_or_none, warn_of_sasl
from ualauth.cli.plain import plain
from ualauth.userlist.administration import set_password


@click.command("passwd")
@click.argument("user")
@new_password_options
@click.option("--must-change", is_flag=True, help="It has to be changed before the next login.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    user: str,
    password_stdin: bool,
    no_password: bool,
    must_change: bool,
) -> None:
    """Set a user's password, without the old one.

    Sets UL-PWD, and UL-SASL-PWD for every SCRAM mechanism. A date on which the
    old one expires is removed. The rules for new passwords are not applied.
    """
    store = invocation.store
    record = store.get(user)
    password = read_password_or_none(from_stdin=password_stdin, none=no_password)
    keep = invocation.config.policy.with_own(record.policy).password.history
    record = set_password(store, invocation.hasher, record, password, keep, must_change=must_change)
    who = plain(record.authid)
    if password is None:
        click.echo(f"{who} has no password any more.")
        return
    click.echo(f"The password of {who} is set.")
    warn_of_sasl(store.secrets(record))
