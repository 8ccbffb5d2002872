"""`ualauth smtp-access check`."""

from __future__ import annotations

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.problems import count, print_problems
from ualauth.cli.smtp_access.rules import access_control


@click.command("check")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.pass_context
def command(context: click.Context, *, strict: bool) -> None:
    """Look for mistakes in smtpd.cfg, and for settings that need a rule.

    Prints every problem with its place and its cure. Exit status: 1 if there
    is any error.
    """
    invocation: Invocation = context.obj
    access = access_control(invocation)
    file, parsed = access.file, access.check()
    checked = count(len(list(parsed.rules.every_rule())), "rule")
    if not file.path.exists():
        checked = f"there is no {file.path}: {checked}"
    errors, warnings = print_problems(parsed.problems, checked)
    if errors or (strict and warnings):
        context.exit(ExitStatus.REFUSED)
