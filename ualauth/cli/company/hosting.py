"""`ualauth company hosting`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.problems import count
from ualauth.cli.prompts import ask_whether
from ualauth.errors import InvalidValue

if TYPE_CHECKING:
    from ualauth.userlist.companies.hosting import Plan


@click.command("hosting")
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
@click.option("--plan", "only_plan", is_flag=True, help="Show what on would do, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(context: click.Context, /, *, state: str | None, only_plan: bool, yes: bool) -> None:
    """Switch hosting on or off, or show whether it is.

    Switched on, each user and group is of the company that the OU1 of its mail node is, and sees
    no other; what has no mail node is the server's own. First the plan is shown. Switched off, all
    users see all.
    """
    invocation: Invocation = context.obj
    store = invocation.store.companies
    if state is None:
        click.echo("on" if store.is_hosting else "off")
        return
    if state == "off":
        if only_plan:
            raise click.UsageError("--plan goes with on.")
        if invocation.config.userlist.hosting:
            raise InvalidValue(
                "[userlist] hosting is true in ualauth.toml: write false there first"
            )
        click.echo(
            "Every user and administrator will see the users and groups of all companies.", err=True
        )
        if not yes and not ask_whether("Switch hosting off?"):
            click.echo("Nothing was changed.", err=True)
            context.exit(ExitStatus.REFUSED)
        store.switch_off()
        click.echo("Hosting is off.")
        return
    plan = store.plan()
    _print(plan)
    if only_plan or plan.ambiguous:
        context.exit(ExitStatus.REFUSED if plan.ambiguous else ExitStatus.OK)
    if not yes and not ask_whether("Switch hosting on?"):
        click.echo("Nothing was changed.", err=True)
        context.exit(ExitStatus.REFUSED)
    store.switch_on(plan)
    click.echo("Hosting is on.")
    if not invocation.config.userlist.hosting:
        click.echo(
            "Write hosting = true under [userlist] in the ualauth.toml of each host, so that it is "
            "never off unseen.",
            err=True,
        )


def _print(plan: Plan) -> None:
    for each in plan.assigned:
        sizes = f"{count(each.users, 'user')}, {count(each.groups, 'group')}"
        click.echo(plain(f"{each.name or 'the server':24}  {sizes}"))
    for text in plan.ambiguous:
        click.echo(plain(f"Error: {text}"), err=True)
