"""`ualauth show`: the compiled stacks of a service."""

from __future__ import annotations

import click
from rich.text import Text

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, line
from ualauth.stack.expand import expand as expanded
from ualauth.stack.model import Entry, Kind, Source


@click.command("show")
@click.argument("service")
@click.option("--expand", is_flag=True, help="Show what each control does with each return code.")
@click.pass_obj
def command(invocation: Invocation, *, service: str, expand: bool) -> None:
    """Show the stacks of a service as they are used.

    Includes are resolved, and what `other` adds is there. The entries of a
    substack are indented.
    """
    services = invocation.entrance.services
    compiled = services.compile(service)
    out = console()
    line(cell(compiled.name, "bold"), cell(f" in {services.folder.folder}", "dim"))
    for module_type, stack in compiled.stacks.items():
        out.print()
        if not stack:
            line(cell(str(module_type), "bold"), ": no entries, so every request is refused")
            continue
        table = grid("from", "control", "module", "arguments", title=str(module_type))
        table.columns[0].no_wrap = table.columns[2].no_wrap = True
        for entry in stack:
            table.add_row(
                cell(_where(entry.source, str(services.folder.folder)), "dim"),
                _control(entry, expand=expand),
                _module(entry),
                cell(" ".join(entry.arguments)),
            )
        out.print(table)
    if compiled.problems:
        click.echo(f"There are {len(compiled.problems)} problems; run: ualauth check", err=True)


def _where(source: Source, folder: str) -> str:
    return f"{source.file.removeprefix(f'{folder}/')}:{source.line}"


def _control(entry: Entry, *, expand: bool) -> Text:
    written = entry.control.text
    if expand and entry.asked:
        written = expanded(entry.control.table)
    elif "=" in written:
        written = f"[{written}]"
    return cell(f"{'  ' * entry.level}{written}")


def _module(entry: Entry) -> Text:
    match entry.kind:
        case Kind.MODULE:
            return cell(entry.module, "cyan")
        case Kind.SUBSTACK:
            return cell(entry.module)
        case Kind.MUST_FAIL:
            return cell(f"{entry.module or 'nothing'} (always refuses)", "red")
