"""`ualauth diff`: what two service files, or two folders of them, mean."""

from __future__ import annotations

import enum

import click

from ualauth.cli.compared import sides
from ualauth.cli.completion import services, services_or_files
from ualauth.cli.diff_report import difference_json, print_difference
from ualauth.cli.differences import difference
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import block
from ualauth.errors import UalauthError
from ualauth.stack.analysis.walks import TooManyWays


class DiffStatus(enum.IntEnum):
    """What the program tells its caller, as diff(1) does."""

    SAME = 0
    DIFFERENT = 1
    TROUBLE = 2


@click.command("diff")
@click.argument("old", shell_complete=services_or_files)
@click.argument("new", shell_complete=services_or_files)
@click.argument("service", required=False, shell_complete=services)
@click.option("--all", "every", is_flag=True, help="Show every class of logins, however many.")
@click.option("--stacks", is_flag=True, help="Show the stacks beside each other, too.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--html", "form", flag_value="html", help="Print one HTML file, with pictures.")
@click.option("--svg", "form", flag_value="svg", help="Print the stacks as one SVG file.")
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    old: str,
    new: str,
    service: str | None,
    every: bool,
    stacks: bool,
    form: str | None,
) -> None:
    """Compare what OLD and NEW mean, and not how they are written.

    Each is a service; or a service file, if there is a slash in the word, or a folder of them,
    or a configuration folder; or - for standard input. SERVICE is the one of the folders that is
    meant, or what the files are to be.

    Shows the classes of logins that come to something else, each with answers of the entries that
    lead there and the entry that decides on either side; for configuration folders, also services
    that only one of them has, and settings that differ. Nothing is printed if only the text
    differs.

    Exit status: 0 if they mean the same; 1 if not; 2 for trouble.
    """
    invocation: Invocation = context.obj
    try:
        before, after = sides(invocation, (old, new), service)
        told = difference(before, after)
    except UalauthError as error:
        click.echo(f"Error: {block(str(error))}", err=True)
        context.exit(DiffStatus.TROUBLE)
    except TooManyWays:
        text = "Error: they have more ways through their stacks than can be followed; compare parts"
        click.echo(text, err=True)
        context.exit(DiffStatus.TROUBLE)
    if form == "json":
        print_json(difference_json(told))
    elif form is not None:
        # Few want a picture.
        from ualauth.cli.picture.compared import compared_html, compared_svg  # noqa: PLC0415

        click.echo(compared_html(told) if form == "html" else compared_svg(told))
    else:
        print_difference(told, every=every)
        if stacks:
            from ualauth.cli.picture.compared import print_stacks  # noqa: PLC0415 - likewise

            print_stacks(told)
    context.exit(DiffStatus.DIFFERENT if told.differs else DiffStatus.SAME)
