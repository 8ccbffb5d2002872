"""`ualauth sync run`."""

from __future__ import annotations

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.progress import Progress
from ualauth.cli.sync.auditing import write_to_audit_file
from ualauth.cli.sync.report import plan_dict, print_plan
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.run import run


@click.command("run")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@click.option(
    "--confirm",
    "confirmed",
    default="",
    metavar="DIGEST",
    help="Do the plan with this digest, though it locks many users; another plan is refused.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan and what came of it as JSON.")
@click.pass_context
def command(
    context: click.Context, *, name: str, dry_run: bool, confirmed: str, as_json: bool
) -> None:
    """Read the directory, plan, and do what the plan says.

    If the directory is not read to its end, nothing is changed, and the exit status is 75. A
    plan that locks too many users is shown and not done; the exit status is 1 then. It is 1,
    too, if something of the plan was done and some entries were in conflict.
    """
    run_and_report(
        context, name, dry_run=dry_run, confirmed=confirmed, as_json=as_json, read_all=False
    )


def run_and_report(  # noqa: PLR0913 - the options
    context: click.Context,
    name: str,
    *,
    dry_run: bool,
    confirmed: str,
    as_json: bool,
    read_all: bool,
) -> None:
    """Run an agreement, print what came of it, and end with the status that says so."""
    invocation: Invocation = context.obj
    write_to_audit_file(invocation.config)
    try:
        with Progress(name, None, "changes") as progress:

            def tell(over: int, size: int) -> None:
                progress.total = size
                progress.show(over, over)

            outcome = run(
                invocation.store,
                name,
                dry_run=dry_run,
                confirmed=confirmed,
                read_all=read_all,
                tell=tell,
            )
    except SyncUnavailable as error:
        click.echo(f"Error: {plain(str(error))}: nothing was changed.", err=True)
        context.exit(ExitStatus.TEMPORARY)
    plan = outcome.plan
    if as_json:
        print_json(plan_dict(plan, outcome.conflicts, applied=outcome.applied))
    else:
        print_plan(plan, outcome.conflicts, everything=bool(plan.guard))
        if dry_run:
            click.echo(f"Nothing was changed. The plan is {plan.digest}.")
    if plan.guard and not outcome.applied:
        again = f"ualauth sync {'resync' if read_all else 'run'} {name} --confirm {plan.digest}"
        text = f"{plan.guard}. If that is meant: {again}"
        click.echo(f"Held back: {plain(text)}", err=True)
        if not dry_run:
            context.exit(ExitStatus.REFUSED)
    if outcome.conflicts and not dry_run:
        context.exit(ExitStatus.REFUSED)
