"""`ualauth serve`: the daemon in the foreground."""

from __future__ import annotations

import logging

import click

from ualauth.cli.invocation import Invocation


@click.command("serve")
@click.option("--verbose", "-v", is_flag=True, help="Log each login, and what happens besides.")
@click.pass_obj
def command(invocation: Invocation, *, verbose: bool) -> None:
    """Answer mail servers on the sockets that ualauth.toml names.

    Each [[listen]] there is a socket. It serves until SIGTERM; SIGHUP reads
    ualauth.toml anew, and a mistake in it leaves all as it was. It does not go
    into the background: systemd, or what stands for it, keeps it running.

    Protocols: dovecot-auth (Postfix, Exim, chasquid), saslauthd (Cyrus SASL),
    auth-http (nginx's mail proxy), forward-auth (web servers), postfix-policy
    and socketmap (Postfix), milter (Postfix, sendmail).
    """
    import asyncio  # noqa: PLC0415 - help needs no loop

    from ualauth.config.config import Config  # noqa: PLC0415 - likewise
    from ualauth.daemon.server import Daemon  # noqa: PLC0415 - likewise

    logging.basicConfig(
        format="%(name)s: %(levelname)s: %(message)s",
        level=logging.INFO if verbose else logging.WARNING,
    )

    async def serve() -> None:
        daemon = Daemon(lambda: Config.load(invocation.directory))
        await daemon.run(lambda: click.echo("serving", err=True))

    asyncio.run(serve())
