"""`ualauth user show`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, lines, print_json
from ualauth.cli.user.record import user_json, user_rows
from ualauth.userlist.account.lockout import microseconds_now


@click.command("show")
@click.argument("user")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(invocation: Invocation, *, user: str, as_json: bool) -> None:
    """Show a user, without any hash.

    Shows the scheme of the password, which SASL secrets exist, and the groups that the user is
    in, also by other groups.
    """
    record = invocation.store.get(user)
    mechanisms = [secret.mechanism for secret in invocation.store.secrets(record)]
    groups = invocation.store.groups.of(record)
    if as_json:
        print_json(user_json(record) | {"sasl_mechanisms": mechanisms, "groups": list(groups)})
        return
    table = grid()
    rules, now = invocation.config.policy.with_own(record.policy).lockout, microseconds_now()
    # As a login would take them, which looks at the clock.
    counts = invocation.store.all_failures(record).items()
    failures = {source: each.plausible(now, rules) for source, each in counts}
    for label, text in user_rows(record, mechanisms, failures, groups).items():
        table.add_row(cell(label, "dim"), lines(text))
    console().print(table)
