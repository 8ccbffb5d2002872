"""`ualauth picture`: a service as a picture."""

from __future__ import annotations

import click
from rich.text import Text

from ualauth.cli.compared import one_side
from ualauth.cli.completion import services_or_files
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console
from ualauth.cli.picture.html import Drawn, Page, page
from ualauth.cli.picture.rows import pictures_of
from ualauth.cli.picture.svg import drawing
from ualauth.cli.picture.text import print_pictures


@click.command("picture")
@click.argument("service", shell_complete=services_or_files)
@click.option("--html", "form", flag_value="html", help="Print one HTML file, with all it needs.")
@click.option("--svg", "form", flag_value="svg", help="Print one SVG file, with all it needs.")
@click.pass_obj
def command(invocation: Invocation, *, service: str, form: str | None) -> None:
    """Draw the stacks of a service, and what each answer leads to.

    SERVICE is a service, or a service file if there is a slash in it. Only answers are shown
    that the entry may give, with its options. Use `ualauth diff` for two of them.
    """
    side = one_side(invocation, service)
    compiled = side.base.services.compile(side.service)
    pictures = pictures_of(compiled, str(side.folder.folder))
    if form == "html":
        click.echo(page(Page(f"{compiled.name}: its stacks", [Drawn([pictures], [compiled.name])])))
    elif form == "svg":
        click.echo(drawing([pictures], [compiled.name]))
    else:
        title = Text.assemble(cell(compiled.name, "bold"), cell(f" in {side.folder.folder}", "dim"))
        console().print(title)
        print_pictures(pictures)
