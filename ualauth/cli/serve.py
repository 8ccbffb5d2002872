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

    \b
    Protocols:
      auth-http       nginx's mail proxy
      control         ualauth status, reload and kick
      dovecot-auth    Postfix, Exim, chasquid, Dovecot
      dovecot-master  Dovecot: whose a login is, and who the users are
      forward-auth    web servers
      ldap            address books, and what else speaks LDAP
      milter          Postfix, sendmail: the submission access rules
      monitor         Prometheus and load balancers: health and metrics
      postfix-policy  Postfix: the same, without the header
      saslauthd       Cyrus SASL
      socketmap       Postfix: whose an address is
    """  # noqa: D301 - click's mark of a paragraph that stays as it is
    from ualauth.config.config import Config  # noqa: PLC0415 - help needs nothing of it
    from ualauth.daemon.supervisor import Supervisor  # noqa: PLC0415 - likewise

    logging.basicConfig(
        format="%(name)s: %(levelname)s: %(message)s",
        level=logging.INFO if verbose else logging.WARNING,
    )
    Supervisor(
        lambda: Config.load(invocation.directory), ready=lambda: click.echo("serving", err=True)
    ).run()
