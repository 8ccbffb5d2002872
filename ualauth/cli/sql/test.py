"""`ualauth sql test`: an om_sql.conf, tried step by step."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ualauth.cli.completion import users
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import lines, print_json
from ualauth.cli.passwords import password_stdin, stdin_lines
from ualauth.cli.steps import print_step, status_of, step_json
from ualauth.errors import ConfigurationError
from ualauth.runtime.users import NoUserlist
from ualauth.sql.config.configuration import SqlConfiguration
from ualauth.sql.config.reading import FILE_NAME, read
from ualauth.sql.database import Database
from ualauth.sql.rules.names import values_of
from ualauth.sql.rules.report import SqlStep, diagnose
from ualauth.sql.shared import driver_of
from ualauth.stack.folder import FilesNow, ServiceFolder

if TYPE_CHECKING:
    from ualauth.contract.account import Account


@click.command("test")
@click.argument("user", required=False, shell_complete=users)
@click.option(
    "--config",
    metavar="FILE",
    default=FILE_NAME,
    show_default=True,
    help="The file, as config= of a stack line names it.",
)
@click.option(
    "--service", default="test", show_default=True, help="The service that the query is told."
)
@click.option("--rhost", metavar="HOST", help="The host that the query and the rules are told.")
@password_stdin
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    user: str | None,
    config: str,
    service: str,
    rhost: str | None,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Try an om_sql.conf step by step.

    Connects to each server, asks the query for USER as a login does, and says which
    columns were understood, whose the row is, and whether the account may be used.
    USER is whom the USERLIST knows by that name, as in a login. With --password-stdin,
    the password is compared, too. Without USER, the query is asked for a name that no
    row has: names of tables and columns that are wrong show then.

    Exit status: 0 if all works; 1 if there is no such user, the password is wrong, or
    the account may not be used; 2 for mistakes in the file; 75 if the database cannot
    be asked, or what it answers cannot be read.
    """
    invocation: Invocation = context.obj
    configuration = _configuration(invocation, config)
    values = None
    if user is not None:
        account = _account(invocation, user)
        name = user if account is None else account.user.authid
        values = values_of(name, account, user, service, rhost)
    password = next(stdin_lines(), "") if password_stdin else None
    database = Database(configuration.settings, driver_of(configuration.settings.product))
    steps: list[SqlStep] = []
    with contextlib.closing(database):
        for step in diagnose(configuration, database, values, rhost, password):
            steps.append(step)
            if not as_json:
                print_step(step)
    if as_json:
        print_json({"config": configuration.path, "steps": [step_json(step) for step in steps]})
    context.exit(status_of(steps))


def _account(invocation: Invocation, user: str) -> Account | None:
    """Return whom the USERLIST has by a login name, if there is a USERLIST.

    Raises:
        StoreError: if it cannot be read.

    """
    with contextlib.suppress(NoUserlist):
        return invocation.base.read(user)
    return None


def _configuration(invocation: Invocation, config: str) -> SqlConfiguration:
    """Return what the file says; its warnings go to stderr.

    Raises:
        ConfigurationError: with all mistakes of the file.

    """
    path = config if config == FILE_NAME else str(Path(config))
    configuration, problems = read(path, FilesNow(ServiceFolder(invocation.config.service_folder)))
    if configuration is None:
        raise ConfigurationError("the file cannot be used:\n" + "\n".join(map(str, problems)))
    for problem in problems:
        click.echo(lines(str(problem)).plain, err=True)
    return configuration
