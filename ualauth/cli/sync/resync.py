"""`ualauth sync resync`."""

from __future__ import annotations

import click

from ualauth.cli.sync.run import run_and_report


@click.command("resync")
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
    """Run an agreement, but read all of the directory, whatever the last run left.

    Else as ualauth sync run: the plan, its guard and the exit statuses are the same.
    """
    run_and_report(
        context, name, dry_run=dry_run, confirmed=confirmed, as_json=as_json, read_all=True
    )
