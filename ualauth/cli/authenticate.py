"""`ualauth test-auth`: a real login, and how it was decided."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Unpack

import click

from ualauth.authenticator import Authenticator, Transaction
from ualauth.cli.completion import services, users
from ualauth.cli.conversation import StdinConversation, TerminalConversation
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json, warn_of_no_passwords, warn_of_other, warn_of_several
from ualauth.cli.passwords import stdin_lines
from ualauth.cli.report import LoginReport, print_report, report_json
from ualauth.codes import Item, Operation, ReturnCode
from ualauth.runtime.outcome import Outcome, outcome_of
from ualauth.runtime.peer import Peer
from ualauth.userlist.checks import MAX_UNIX_UID

_STATUS = {Outcome.GRANTED: ExitStatus.OK, Outcome.UNAVAILABLE: ExitStatus.TEMPORARY}
_WITHOUT_PASSWORD = frozenset(Operation) - {Operation.AUTHENTICATE, Operation.CHAUTHTOK}
_DEFAULT = (Operation.AUTHENTICATE, Operation.ACCT_MGMT)


@click.command("test-auth")
@click.argument("service", shell_complete=services)
@click.argument("user", required=False, shell_complete=users)
@click.option(
    "--operation",
    "names",
    type=click.Choice([operation.method for operation in Operation]),
    multiple=True,
    help="What to ask of the service, in this order; may be repeated. "
    "By default authenticate, then acct_mgmt. The first that does not succeed is the last.",
)
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Answer each hidden question with the next line of standard input: for authenticate "
    "the password; for chauthtok the old one, the new one, and the new one again.",
)
@click.option("--rhost", metavar="HOST", help="The host that the person comes from.")
@click.option("--ruser", metavar="NAME", help="The user on whose behalf the service is asked.")
@click.option("--tty", metavar="NAME", help="The terminal.")
@click.option(
    "--caller-uid",
    metavar="UID",
    type=click.IntRange(0, MAX_UNIX_UID),
    help="The UNIX uid of the calling process; by default your own.",
)
@click.option("--tls/--no-tls", help="Whether the connection is encrypted; by default it is not.")
@click.option("--trace", is_flag=True, help="Show every entry that was asked, and what it did.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    service: str,
    user: str | None,
    names: Sequence[str],
    password_stdin: bool,
    trace: bool,
    as_json: bool,
    **peer: Unpack[Peer],
) -> None:
    """Try a login, and show how it was decided.

    Asks SERVICE about USER as a mail server would, with the questions of its
    modules put to you. This is a real login, and chauthtok
    changes the password.

    Exit status: 0 granted; 1 refused, restricted or expired; 2 usage or configuration;
    75 unavailable: a module could not check, which says nothing about the person.
    """
    if password_stdin and user is None:
        raise click.UsageError("With --password-stdin, name the USER.")
    # Only this login's modules trust it: a user who can run this may call the library, too.
    if peer["caller_uid"] is None:
        peer["caller_uid"] = os.getuid()
    invocation: Invocation = context.obj
    conversation = StdinConversation(stdin_lines()) if password_stdin else TerminalConversation()
    operations = [Operation[name.upper()] for name in names] or _DEFAULT
    with (
        Authenticator(invocation.config) as authenticator,
        authenticator.transaction(service, user, conversation, **peer) as transaction,
    ):
        warn_of_other(invocation, service)
        if not _WITHOUT_PASSWORD.issuperset(operations):
            warn_of_no_passwords(invocation, service)
        transaction.set_item(Item.USER_PROMPT, "User:")
        report = _perform(transaction, operations)
        if conversation.fault is not None:
            raise conversation.fault
        if as_json:
            print_json(report_json(report, trace=trace))
        else:
            print_report(report, str(invocation.config.service_folder), trace=trace)
        if report.outcome is Outcome.REFUSED:
            warn_of_several(invocation, user)
    context.exit(_STATUS.get(report.outcome, ExitStatus.REFUSED))


def _perform(transaction: Transaction, operations: Sequence[Operation]) -> LoginReport:
    """Ask one operation after the other, until one does not succeed."""
    codes: list[tuple[Operation, ReturnCode]] = []
    outcome = Outcome.GRANTED
    for operation in operations:
        code: ReturnCode = getattr(transaction, operation.method)()
        codes.append((operation, code))
        outcome = outcome_of(operation, code, could_not_check=transaction.could_not_check)
        if outcome is not Outcome.GRANTED:
            break
    return LoginReport(transaction, codes, outcome)
