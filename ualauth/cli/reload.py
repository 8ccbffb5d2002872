"""`ualauth reload`: have the daemon read its configuration anew."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation


@click.command("reload")
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Have the daemon read ualauth.toml anew, and wait until it has.

    As SIGHUP, but with an answer: what is wrong with the configuration, if the
    one before stays in use. Service files and users need no reload.
    """
    from ualauth.cli.daemon import ask  # noqa: PLC0415 - help needs nothing of it
    from ualauth.errors import ConfigurationError  # noqa: PLC0415 - likewise

    problem = ask(invocation, "RELOAD", "problem")
    if problem:
        raise ConfigurationError(problem)
    click.echo("the configuration was read anew")
