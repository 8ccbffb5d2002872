"""What commands print: tables and styled lines through rich, JSON for programs.

Nothing that comes from a file or a person is read as markup, and all of it
goes through `ualauth.cli.plain`.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from typing import Any, NoReturn, TextIO, cast

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import block, plain
from ualauth.errors import StoreError

_TRAILING = re.compile(r" +(?=\n)")


class _Trimmed:
    """A text file to which lines are written without the blanks that fill columns."""

    def __init__(self, file: TextIO) -> None:
        """Write to a file."""
        self._file = file

    def write(self, text: str) -> int:
        """Write text, of which each line is whole."""
        return self._file.write(_TRAILING.sub("", text))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a file has
        """Return what the file has."""
        return getattr(self._file, name)


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the program to end; rich would end it with the status of a refusal."""
        raise BrokenPipeError


def console() -> Console:
    """Return where to print; it knows whether that is a terminal, and of which size."""
    file = cast("TextIO", _Trimmed(sys.stdout))
    return _Console(file=file, markup=False, emoji=False, highlight=False)


def line(*parts: Text | str) -> None:
    """Print one line of text; a long one is left to the terminal."""
    assembled = Text.assemble(*(part if isinstance(part, Text) else Text(part) for part in parts))
    console().print(assembled, soft_wrap=True)


def cell(text: object, style: str = "") -> Text:
    """Return text for a line or a table."""
    return Text(plain(str(text)), style)


def lines(text: str) -> Text:
    """Return text of several lines, with its tabs."""
    return Text(block(text))


def grid(*headers: str, title: str = "") -> Table:
    """Return an empty table in the style of the house; without headers it has two columns.

    Text that is wider than its column goes on below: none is cut off.
    """
    table = Table(
        *(headers or ("", "")),
        title=plain(title) or None,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD if headers else None,
        show_header=bool(headers),
        show_edge=False,
        pad_edge=False,
    )
    for column in table.columns:
        column.overflow = "fold"
    return table


def warn_of_other(invocation: Invocation, service: str) -> None:
    """Say on stderr that a service has no file: a slip of the pen is easily overlooked."""
    if not invocation.has_file(service):
        text = f"There is no service file {plain(service)!r}: other decides"
        click.echo(plain(f"{text}{invocation.near(service) or '.'}"), err=True)


def warn_of_several(invocation: Invocation, name: str | None) -> None:
    """Say on stderr that a name which was refused is the name of several users."""
    if not name or not invocation.config.has_userlist:
        return
    with contextlib.suppress(StoreError):
        if (number := len(invocation.store.fitting(name).users)) > 1:
            click.echo(
                f"{plain(repr(name))} is the name of several users ({number}): "
                "`ualauth user find` shows them.",
                err=True,
            )


def warn_of_no_passwords(invocation: Invocation, service: str) -> None:
    """Say on stderr that a service takes no typed password, however right it is."""
    rules = invocation.config.offer_rules(service)
    if not rules.takes_passwords:
        click.echo(
            f"{plain(service)!r} takes no typed password: {rules.setting} in ualauth.toml has "
            "neither PLAIN nor LOGIN. Log in with a mail program that knows SCRAM.",
            err=True,
        )


def print_json(value: Any, *, indent: int | None = 2) -> None:  # noqa: ANN401 - what JSON takes
    """Print a value as JSON, in ASCII."""
    click.echo(json.dumps(value, indent=indent))
