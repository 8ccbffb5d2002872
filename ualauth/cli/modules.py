"""`ualauth modules`: which modules there are, and what they take."""

from __future__ import annotations

import inspect
from typing import Any

import click

from ualauth.cli.completion import modules
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, line, lines
from ualauth.codes import MODULE_TYPE
from ualauth.contract.module import Module
from ualauth.contract.options import describe, missing_libraries
from ualauth.errors import ModuleUnavailable
from ualauth.runtime.base import BaseAuthenticator


@click.command("modules")
@click.argument("name", required=False, shell_complete=modules)
@click.pass_obj
def command(invocation: Invocation, *, name: str | None) -> None:
    """List the modules, or explain one."""
    if name is None:
        _list(invocation)
    else:
        _explain(name, BaseAuthenticator(invocation.settings).registry.find(name))


def _list(invocation: Invocation) -> None:
    table = grid("module", "types", "does")
    table.columns[0].no_wrap = True
    registry = BaseAuthenticator(invocation.settings).registry
    for name in registry.names():
        try:
            kind = registry.find(name)
        except ModuleUnavailable as error:
            table.add_row(cell(name, "cyan"), cell("none"), cell(error, "red"))
        else:
            does = cell((inspect.getdoc(kind) or "").partition("\n")[0])
            for text in _lacks(name, kind):
                does.append(f"\n{text}", "red")
            table.add_row(cell(name, "cyan"), cell(", ".join(_types(kind))), does)
    console().print(table)


def _explain(name: str, kind: type[Module[Any]]) -> None:
    out = console()
    line(cell(name, "bold cyan"), f": {', '.join(_types(kind))}")
    out.print()
    out.print(lines(inspect.getdoc(kind) or ""))
    out.print()
    for text in _lacks(name, kind):
        line(cell(text, "red"))
        out.print()
    table = grid("option", "default", "meaning")
    table.columns[0].no_wrap = True
    for option in describe(kind.options_type):
        table.add_row(cell(option.usage, "cyan"), cell(option.default), cell(option.text))
    if table.rows:
        out.print(table)
    else:
        line(cell("It takes no options.", "dim"))


def _lacks(name: str, kind: type[Module[Any]]) -> list[str]:
    """Return which libraries are missing that entries of a module may need."""
    lacks = missing_libraries(f"in part, {name}", *kind.libraries)
    return [f"{each.text}; {each.cure}" for each in lacks]


def _types(kind: type[Module[Any]]) -> list[str]:
    served = (each for operation, each in MODULE_TYPE.items() if hasattr(kind, operation.method))
    return list(dict.fromkeys(map(str, served)))
