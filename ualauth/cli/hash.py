"""`ualauth hash`: a stored password for the USERLIST."""

from __future__ import annotations

import dataclasses

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.passwords import password_stdin, read_new_password
from ualauth.passwords.schemes import PasswordHasher
from ualauth.runtime.base import BaseAuthenticator


@click.command("hash")
@click.option("--scheme", metavar="NAME", help="The scheme, instead of the configured one.")
@password_stdin
@click.pass_obj
def command(invocation: Invocation, *, scheme: str | None, password_stdin: bool) -> None:
    """Hash a password as the USERLIST stores it.

    Asks for the password twice, and prints the hash and nothing else. The
    scheme and its cost are those of the configuration.
    """
    config = invocation.settings
    if scheme is not None:
        chosen = dataclasses.replace(config.password, scheme=scheme)
        config = dataclasses.replace(config, password=chosen)
    hasher = BaseAuthenticator(config).resource(PasswordHasher)
    password = read_new_password(from_stdin=password_stdin)
    click.echo(hasher.hash(password))
