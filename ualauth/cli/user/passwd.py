"""`ualauth user passwd`."""

from __future__ import annotations

import click

from ualauth.cli.completion import users
from ualauth.cli.invocation import Invocation
from ualauth.cli.passwords import (
    new_password_options,
    read_hash,
    read_password_or_none,
    warn_of_sasl,
)
from ualauth.cli.plain import plain
from ualauth.cli.user.record import scheme
from ualauth.cli.user.several import user_named
from ualauth.userlist.administration import set_hash, set_password
from ualauth.userlist.listing import Policies
from ualauth.userlist.synchronized import refuse_password


@click.command("passwd")
@click.argument("user", shell_complete=users)
@new_password_options
@click.option(
    "--hash",
    "ask_hash",
    is_flag=True,
    help="Ask for a hash that is ready, as another system or ualauth hash made it, in place of "
    "the password.",
)
@click.option(
    "--hash-stdin",
    is_flag=True,
    help="Read it from the first line of standard input.",
)
@click.option(
    "--local",
    is_flag=True,
    help="Also for a user of ualauth sync, who then has one password here and one there.",
)
@click.option("--must-change", is_flag=True, help="It has to be changed before the next login.")
@click.pass_obj
def command(  # noqa: PLR0913 - the options
    invocation: Invocation,
    *,
    user: str,
    password_stdin: bool,
    no_password: bool,
    ask_hash: bool,
    hash_stdin: bool,
    local: bool,
    must_change: bool,
) -> None:
    """Set a user's password, without the old one.

    Sets UL-PWD, and UL-SASL-PWD for every SCRAM mechanism. A date on which the
    old one expires is removed. The rules for new passwords are not applied. With a hash that
    is ready, UL-SASL-PWD goes: SCRAM needs the password.
    """
    if [ask_hash, hash_stdin, password_stdin, no_password].count(True) > 1:
        raise click.UsageError(
            "One of --hash, --hash-stdin, --password-stdin and --no-password at most."
        )
    store = invocation.store
    record = user_named(store, user)
    if not local and not no_password:
        store.transaction(lambda connection: refuse_password(connection, record))
    policies = Policies(invocation.config.policy, store.company_policy)
    keep = policies.of(record).password.history
    if ask_hash or hash_stdin:
        stored = read_hash(from_stdin=hash_stdin)
        record = set_hash(store, record, stored, keep, must_change=must_change)
        click.echo(f"The password of {plain(record.authid)} is set: {scheme(record)}.")
        return
    password = read_password_or_none(from_stdin=password_stdin, none=no_password)
    record = set_password(store, invocation.hasher, record, password, keep, must_change=must_change)
    who = plain(record.authid)
    if password is None:
        click.echo(f"{who} has no password any more.")
        return
    click.echo(f"The password of {who} is set.")
    warn_of_sasl(store.secrets(record))
