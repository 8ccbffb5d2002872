"""`ualauth show`: the compiled stacks of a service."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.table import Table
from rich.text import Text

from ualauth.cli.completion import services
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, line, warn_of_other
from ualauth.sources.problem import Source
from ualauth.stack.control import expand as expanded
from ualauth.stack.model import Entry, Kind, Stack
from ualauth.stack.syntax import print_lines


@click.command("show")
@click.argument("service", shell_complete=services)
@click.option("--expand", is_flag=True, help="Show what each control does with each return code.")
@click.pass_obj
def command(invocation: Invocation, *, service: str, expand: bool) -> None:
    """Show the stacks of a service as they are used.

    Includes are resolved, and what `other` adds is there. The entries of a
    substack are indented, and so are those of a stack that an entry may run.
    """
    services = invocation.base.services
    compiled = services.compile(service)
    warn_of_other(invocation, service)
    folder = str(services.folder.folder)
    line(cell(compiled.name, "bold"), cell(f" in {folder}", "dim"))
    shown = [each for stack in compiled.stacks.values() for each in _with_nested(stack)]
    # The same in all tables, so that the columns of all are below each other.
    place = max((len(_where(entry.source, folder)) for entry, _ in shown), default=0)
    module = max((_module(*each).cell_len for each in shown), default=0)
    for module_type, stack in compiled.stacks.items():
        console().print()
        if not stack:
            line(cell(module_type, "bold"), ": no entries, so whatever is asked is refused")
            continue
        table = grid("from", "control", "module", "arguments", title=str(module_type))
        for column, width in zip(table.columns, (place, len("requisite"), module), strict=False):
            column.min_width = width
        _fill(table, stack, folder, expand=expand)
        console().print(table)
    if compiled.problems:
        number = len(compiled.problems)
        click.echo(f"Problems: {number}; see them with: ualauth check {compiled.name}", err=True)


def _fill(table: Table, stack: Stack, folder: str, *, expand: bool) -> None:
    for entry, depth in _with_nested(stack):
        table.add_row(
            cell(_where(entry.source, folder), "dim"),
            _control(entry, expand=expand),
            _module(entry, depth),
            cell(print_lines([entry.arguments]).rstrip("\n") if entry.arguments else ""),
        )


def _where(source: Source, folder: str) -> str:
    return f"{source.file.removeprefix(f'{folder}/')}:{source.line}"


def _control(entry: Entry, *, expand: bool) -> Text:
    written = entry.control.text
    if expand and entry.asked:
        written = expanded(entry.control.table)
    elif "=" in written:
        written = f"[{written}]"
    return cell(written)


def _with_nested(stack: Stack, depth: int = 0) -> Iterator[tuple[Entry, int]]:
    """Yield each entry and how deep it is shown, then those of the stack that it may run."""
    for entry in stack:
        level = depth + entry.level
        yield entry, level
        yield from _with_nested(entry.nested, level + 1)


def _module(entry: Entry, depth: int) -> Text:
    indent = "  " * depth
    match entry.kind:
        case Kind.MODULE:
            return cell(f"{indent}{entry.module}", "cyan")
        case Kind.SUBSTACK:
            return cell(f"{indent}{entry.module}")
        case Kind.MUST_FAIL:
            return cell(f"{indent}{entry.module or 'nothing'} (always refuses)", "red")
