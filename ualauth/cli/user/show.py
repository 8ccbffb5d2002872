"""`ualauth user show`."""

from __future__ import annotations

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, lines, print_json
from ualauth.cli.user.record import remarks_of, user_json, user_rows
from ualauth.cli.user.several import for_each, users_argument
from ualauth.userlist.account.lockout import microseconds_now
from ualauth.userlist.listing import Policies
from ualauth.userlist.record import User


@click.command("show")
@users_argument
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON object; of several, one a line."
)
@click.pass_context
def command(context: click.Context, *, users: tuple[str, ...], as_json: bool) -> None:
    """Show users, without any hash.

    Shows the scheme of the password, which SASL secrets exist, and the groups that the user is
    in, also by other groups.
    """
    invocation: Invocation = context.obj
    shown = 0

    def show(user: User) -> None:
        nonlocal shown
        shown += 1
        if as_json:
            _print_json(invocation, user, indent=2 if len(users) == 1 else None)
            return
        if shown > 1:
            click.echo()
        _print(invocation, user)

    for_each(context, invocation.store, users, show)


def _print_json(invocation: Invocation, user: User, *, indent: int | None) -> None:
    store = invocation.store
    mechanisms = [secret.mechanism for secret in store.secrets(user)]
    more = {"sasl_mechanisms": mechanisms, "groups": list(store.groups.of(user))}
    value = user_json(user, store.last_login(user), remarks_of(invocation, user))
    print_json(value | more, indent=indent)


def _print(invocation: Invocation, user: User) -> None:
    store, now = invocation.store, microseconds_now()
    policy = Policies(invocation.config.policy, store.company_policy).of(user)
    mechanisms = [secret.mechanism for secret in store.secrets(user)]
    # As a login would take them, which looks at the clock.
    counts = store.all_failures(user).items()
    failures = {source: each.plausible(now, policy.lockout) for source, each in counts}
    table = grid()
    rows = user_rows(
        user,
        mechanisms=mechanisms,
        failures=failures,
        login=store.last_login(user),
        policy=policy,
        groups=store.groups.of(user),
    )
    for label, text in rows.items():
        table.add_row(cell(label, "dim"), lines(text))
    console().print(table)
