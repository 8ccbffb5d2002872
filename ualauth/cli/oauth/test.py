"""`ualauth oauth test`: a token, what it says, and what each line of a service makes of it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ualauth.cli.completion import services
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, line
from ualauth.cli.passwords import stdin_lines
from ualauth.cli.prompts import ask_hidden
from ualauth.contract.credentials import CredentialKind


@click.command("test")
@click.argument("service", shell_complete=services)
@click.option(
    "--token-stdin", is_flag=True, help="Read the token from the first line of standard input."
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read the token from the first line of a file.",
)
@click.option("--no-token", is_flag=True, help="Only look whether the issuers can be asked.")
@click.pass_context
def command(
    context: click.Context,
    *,
    service: str,
    token_stdin: bool,
    token_file: Path | None,
    no_token: bool,
) -> None:
    """Show what a token says, and which line of a service takes it.

    Asks for a token, which is not shown, and tells what it says; then, for each
    om_oauth line of SERVICE, each thing that the line wants of a token: what it
    wants, and what came. The token is sent only to the issuer of a line with
    introspection=.

    Exit status: 0 if a line takes the token; 1 if none does; 75 if an issuer
    could not be asked; 2 for mistakes in the configuration.
    """
    from ualauth.oauth.report import TakesTokens, what_it_says  # noqa: PLC0415 - not for help

    if token_stdin + (token_file is not None) + no_token > 1:
        raise click.UsageError("Only one of --token-stdin, --token-file and --no-token.")
    invocation: Invocation = context.obj
    verifiers = invocation.base.services.load(service).verifiers.get(CredentialKind.TOKEN, ())
    reports = [each.report() for each in verifiers if isinstance(each, TakesTokens)]
    if not reports:
        raise click.UsageError(f"No auth line of {service!r} names om_oauth.")
    token = "" if no_token else _token(from_stdin=token_stdin, file=token_file)
    if token:
        says = what_it_says(token, reports[0].rules.claim)
        line(says.name)
        for each in says.lines:
            line("  ", cell(each))
    taken = uncertain = False
    for number, report in enumerate(reports, 1):
        line(cell(f"line {number} of om_oauth", "bold"))
        passed = True
        for step in report.steps(token):
            mark = cell("passed", "green") if step.passed else cell("FAILED", "bold red")
            line(f"  {step.name:12} ", mark, cell(f"  {step.seconds * 1000:.1f} ms", "dim"))
            for each in step.lines:
                line("    ", cell(each))
            passed &= step.passed
            uncertain |= not step.certain
        taken |= passed
        if token:
            line(f"  {'takes it' if passed else 'does not take it'}")
    if uncertain and not (taken and token):
        context.exit(ExitStatus.TEMPORARY)
    context.exit(ExitStatus.OK if taken else ExitStatus.REFUSED)


def _token(*, from_stdin: bool, file: Path | None) -> str:
    """Return the token, without what mail programs write before it."""
    if file is not None:
        try:
            text = next(iter(file.read_text(encoding="ascii").splitlines()), "")
        except UnicodeDecodeError:
            raise click.UsageError(f"{file} is no token: it is not ASCII.") from None
    elif from_stdin or not sys.stdin.isatty():
        text = next(stdin_lines(), "")
    else:
        text = ask_hidden("Token")
    token = text.strip().removeprefix("Bearer ").strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise click.UsageError("There is no token: it is one word of ASCII.")
    return token
