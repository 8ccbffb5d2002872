"""The program `ualauth`: its global options and its commands."""

from __future__ import annotations

import click

from ualauth import __version__
from ualauth.cli.completion import administrators
from ualauth.cli.exits import ExitingGroup
from ualauth.cli.invocation import Invocation

FOR_COMPANIES = ("user", "group", "lockout", "company")
"""Commands that show and change nothing but what is in the USERLIST."""
COMMANDS = {
    "init": ("ualauth.cli.init", "Create the configuration folder and the USERLIST."),
    "test-auth": ("ualauth.cli.authenticate", "Try a login, and show how it was decided."),
    "explain": ("ualauth.cli.explain", "Explain what a service would make of a login."),
    "user": ("ualauth.cli.user", "Administer the users of the USERLIST."),
    "group": ("ualauth.cli.group", "Administer the groups of the USERLIST."),
    "company": ("ualauth.cli.company", "Administer the companies that are hosted."),
    "userlist": ("ualauth.cli.userlist", "Keep a copy of the USERLIST, put it back, or move it."),
    "sync": ("ualauth.cli.sync", "Take users and groups over from a directory, one way."),
    "lockout": ("ualauth.cli.lockout", "Show who is locked out after failed logins, and end it."),
    "check": (
        "ualauth.cli.check",
        "Look for mistakes in the service files, and in what they mean.",
    ),
    "serve": ("ualauth.cli.serve", "Answer mail servers on the sockets that ualauth.toml names."),
    "status": ("ualauth.cli.status", "Show how the daemon does: its workers and its sockets."),
    "reload": (
        "ualauth.cli.reload",
        "Have the daemon read ualauth.toml anew, and wait until it has.",
    ),
    "kick": ("ualauth.cli.kick", "End the sessions of users, and forget their logins."),
    "diff": ("ualauth.cli.diff", "Compare what OLD and NEW mean, and not how they are written."),
    "config": (
        "ualauth.cli.config",
        "Show each setting in effect, and where it was said.",
    ),
    "migrate": ("ualauth.cli.migrate.command", "Write a file of another system anew."),
    "log": ("ualauth.cli.log", "Read the audit log: who failed, from where, why, how often."),
    "replay": ("ualauth.cli.replay", "Put recorded logins through a changed configuration."),
    "smtp-access": (
        "ualauth.cli.smtp_access",
        "Check the rules of mail submission, and explain them.",
    ),
    "show": ("ualauth.cli.show", "Show the stacks of a service as they are used."),
    "picture": (
        "ualauth.cli.picture.command",
        "Draw the stacks of a service, and what each answer leads to.",
    ),
    "modules": ("ualauth.cli.modules", "List the modules, or explain one."),
    "krb5": ("ualauth.cli.krb5", "Look into the Kerberos of a service."),
    "oauth": ("ualauth.cli.oauth", "Look into the issuers of tokens of a service."),
    "ldap": ("ualauth.cli.ldap", "Find out why a directory does not answer as expected."),
    "sql": ("ualauth.cli.sql", "Find out why a database does not answer as expected."),
    "hash": ("ualauth.cli.hash", "Hash a password as the USERLIST stores it."),
}


@click.group(
    cls=ExitingGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config-dir",
    metavar="DIR",
    # The same as ualauth.config.config.ENVIRONMENT_VARIABLE, which takes 10 ms to import.
    envvar="UALAUTH_CONFIG_DIR",
    show_envvar=True,
    help="The configuration folder; /etc/ualauth by default.",
)
@click.option(
    "--as",
    "actor",
    metavar="ADMIN",
    shell_complete=administrators,
    help="Act as this administrator of the USERLIST: one of a company sees and changes only that.",
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
@click.pass_context
def application(context: click.Context, *, config_dir: str | None, actor: str | None) -> None:
    """Pluggable authentication for mail servers.

    Exit status: 0 if all is well; 1 if a user is refused, or what was asked
    is not possible; 2 for a mistake in the arguments or the configuration; 75
    if no module could check; 130 after Ctrl-C.
    """
    context.obj = Invocation(config_dir, actor)
    context.call_on_close(context.obj.close)
    if actor is not None and context.invoked_subcommand not in FOR_COMPANIES:
        raise click.UsageError(
            f"--as goes with {', '.join(FOR_COMPANIES)}: all else is of the whole server."
        )
