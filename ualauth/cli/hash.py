"""`ualauth hash`: stored passwords for the USERLIST, made and tried."""

from __future__ import annotations

import dataclasses

import click

from ualauth.cli.completion import schemes
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.passwords import password_stdin, read_new_password, stdin_lines
from ualauth.cli.prompts import ask_hidden
from ualauth.errors import PasswordError
from ualauth.passwords.forms import read_whole
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.stored import SCHEMES
from ualauth.runtime.base import BaseAuthenticator


@click.command("hash")
@click.option(
    "--scheme",
    metavar="NAME",
    help="The scheme, instead of the configured one.",
    shell_complete=schemes,
)
@click.option(
    "--verify",
    is_flag=True,
    help="Say whether a hash is of a password: both are asked for, or the first two lines of "
    "standard input.",
)
@click.option("--list-schemes", is_flag=True, help="List the schemes that can be verified.")
@password_stdin
@click.pass_context
def command(
    context: click.Context,
    *,
    scheme: str | None,
    verify: bool,
    list_schemes: bool,
    password_stdin: bool,
) -> None:
    """Hash a password as the USERLIST stores it.

    Asks for the password twice, and prints the hash and nothing else. The
    scheme and its cost are those of the configuration.
    """
    invocation: Invocation = context.obj
    if list_schemes:
        click.echo("\n".join(SCHEMES))
        return
    if verify:
        _verify(context, from_stdin=password_stdin)
        return
    config = invocation.settings
    if scheme is not None:
        chosen = dataclasses.replace(config.password, scheme=scheme)
        config = dataclasses.replace(config, password=chosen)
    hasher = BaseAuthenticator(config).resource(PasswordHasher)
    password = read_new_password(from_stdin=password_stdin)
    click.echo(hasher.hash(password))


def _verify(context: click.Context, *, from_stdin: bool) -> None:
    """Try a password on a hash; neither is an argument, which other users could read."""
    if from_stdin:
        lines = stdin_lines()
        stored, password = next(lines, ""), next(lines, "")
    else:
        stored, password = ask_hidden("Hash"), ask_hidden("Password", empty=True)
    try:
        scheme = read_whole(stored).scheme.name
        matches = PasswordHasher().verify(password, stored)
    except PasswordError as error:
        raise click.UsageError(f"{error}.") from None
    click.echo(f"{scheme}: {'verified' if matches else 'not of this password'}")
    if not matches:
        context.exit(ExitStatus.REFUSED)
