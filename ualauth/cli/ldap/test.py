"""`ualauth ldap test`: an om_ldap.conf, tried step by step."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ualauth.cli.completion import users
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import lines, print_json
from ualauth.cli.passwords import password_stdin, stdin_lines
from ualauth.cli.prompts import ask_hidden
from ualauth.cli.steps import print_step, status_of, step_json
from ualauth.errors import ConfigurationError
from ualauth.ldap.client.shared import open_directory
from ualauth.ldap.config.configuration import Configuration
from ualauth.ldap.config.reading import read
from ualauth.ldap.rules.diagnosis import DiagnosisStep, SimulatedAttempt, diagnose
from ualauth.runtime.users import NoUserlist
from ualauth.stack.folder import FilesNow, ServiceFolder

if TYPE_CHECKING:
    from ualauth.contract.account import Account


@click.command("test")
@click.argument("user", required=False, shell_complete=users)
@click.option(
    "--config",
    metavar="FILE",
    default="om_ldap.conf",
    show_default=True,
    help="The file, as config= of a stack line names it.",
)
@click.option(
    "--service", default="test", show_default=True, help="The service that the rules are told."
)
@click.option("--rhost", metavar="HOST", help="The host that the rules are told.")
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
    """Try an om_ldap.conf step by step.

    Connects to each server, binds as the service, and asks what the server is;
    then for the entry of USER, the groups, and whether the account may be used.
    USER is whom the USERLIST knows by that name, as in a login. Nothing is changed,
    and no password is asked for: test-auth tries one. Only where there is no service
    and users bind themselves (bind_template, ad_domain without binddn), the password
    of USER is needed.

    Exit status: 0 if all works; 1 if there is no such user, or the account may
    not be used; 2 for mistakes in the file; 75 if the directory cannot be asked.
    """
    invocation: Invocation = context.obj
    configuration = _configuration(invocation, config)
    attempt = None
    if user is not None:
        ask = partial(_password, from_stdin=password_stdin)
        attempt = SimulatedAttempt(user, service, rhost, _account(invocation, user), ask)
    steps: list[DiagnosisStep] = []
    with contextlib.closing(open_directory(configuration.settings)) as directory:
        for step in diagnose(configuration, directory, attempt):
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


def _password(*, from_stdin: bool) -> str:
    return next(stdin_lines(), "") if from_stdin else ask_hidden("Password")


def _configuration(invocation: Invocation, config: str) -> Configuration:
    """Return what the file says; its warnings go to stderr.

    Raises:
        ConfigurationError: with all mistakes of the file.

    """
    path = config if config == "om_ldap.conf" else str(Path(config))
    configuration, problems = read(path, FilesNow(ServiceFolder(invocation.config.service_folder)))
    if configuration is None:
        raise ConfigurationError("the file cannot be used:\n" + "\n".join(map(str, problems)))
    for problem in problems:
        click.echo(lines(str(problem)).plain, err=True)
    return configuration
