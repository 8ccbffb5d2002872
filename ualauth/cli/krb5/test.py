"""`ualauth krb5 test`: realm, keytab, KDCs and a login, each with its time and its cure."""

from __future__ import annotations

from collections.abc import Callable

import click

from ualauth.cli.completion import services, users
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, line
from ualauth.cli.passwords import password_stdin, stdin_lines
from ualauth.cli.prompts import ask_hidden
from ualauth.contract.credentials import CredentialKind


@click.command("test")
@click.argument("service", shell_complete=services)
@click.argument("user", required=False, shell_complete=users)
@password_stdin
@click.pass_context
def command(
    context: click.Context, *, service: str, user: str | None, password_stdin: bool
) -> None:
    """Ask the KDCs of a service, step by step.

    Shows what each om_krb5 line of SERVICE amounts to: the realm, the keytab
    and its keys, which KDCs answer, and how long that takes. With USER, a
    login follows. Exit status: 1 if a step fails.
    """
    from ualauth.kerberos.report import KerberosReport  # noqa: PLC0415 - likewise
    from ualauth.kerberos.shared import Kerberos  # noqa: PLC0415 - help needs no Kerberos

    invocation: Invocation = context.obj
    base = invocation.base
    modules = base.services.load(service).verifiers.get(CredentialKind.KERBEROS, ())
    if not modules:
        raise click.UsageError(f"No auth line of {service!r} names om_krb5.")
    kerberos = base.resource(Kerberos)
    password = _asker(from_stdin=password_stdin)
    failed = False
    for options in dict.fromkeys(module.options for module in modules):
        for step in KerberosReport(kerberos.client(options)).steps(user, password):
            mark = cell("passed", "green") if step.passed else cell("FAILED", "bold red")
            line(f"{step.name:14} ", mark, cell(f"  {step.seconds * 1000:.1f} ms", "dim"))
            for finding in step.found:
                line("  ", cell(finding))
            failed |= not step.passed
    if failed:
        context.exit(ExitStatus.REFUSED)


def _asker(*, from_stdin: bool) -> Callable[[], str]:
    """Return what asks for the password once, however often it is needed."""
    known: list[str] = []

    def ask() -> str:
        if not known:
            known.append(next(stdin_lines(), "") if from_stdin else ask_hidden("Password"))
        return known[0]

    return ask
