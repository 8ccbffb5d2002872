"""`ualauth user find`."""

from __future__ import annotations

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.user.list import print_listed
from ualauth.cli.user.record import remarks_of
from ualauth.userlist.database.queries import Rank
from ualauth.userlist.listing import MOST_FITTING

_BY = {
    Rank.LOGIN_NAME: "an authid or address",
    Rank.NAME: "a whole O/R name",
    Rank.PARTS: "a part of the O/R name",
}


@click.command("find")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_context
def command(context: click.Context, *, name: str, as_json: bool) -> None:
    """Show whom a login name means, as a login with it would find out.

    NAME is an authid, an address or an O/R name, which may lack parts. Prints the users whom
    it fits as `list` does. A login needs exactly one.

    Exit status: 0 if there is exactly one; 1 if there is none, or several.
    """
    invocation: Invocation = context.obj
    store = invocation.store
    users, rank = store.fitting(name)
    for user in users:
        print_listed(user, store.last_login(user), remarks_of(invocation, user), as_json=as_json)
    shown = repr(plain(name))
    if not users:
        click.echo(f"{shown} is the name of no user.", err=True)
    elif len(users) == 1:
        click.echo(f"{shown} means {plain(users[0].authid)}, by {_BY[rank]}.", err=True)
    else:
        number = f"{MOST_FITTING} or more" if len(users) >= MOST_FITTING else len(users)
        click.echo(f"{shown} fits {number} users: a login with it is refused.", err=True)
    if len(users) != 1:
        context.exit(ExitStatus.REFUSED)
