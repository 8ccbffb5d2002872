"""A group of commands whose code is loaded when it is called, so that help is quick."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

import click

from ualauth.cli.examples import epilog_of
from ualauth.cli.help import HelpContext
from ualauth.cli.invocation import Invocation
from ualauth.system.extras import cure_for
from ualauth.text.closest import closest

DIRECTORY = f"{__name__}.directory"
"""Where a context notes the folder that is named behind a command."""


def take_directory(context: click.Context, _option: click.Parameter, given: str | None) -> None:
    """Let a command work on the folder that is named behind it, and a shell complete from it."""
    if given is not None:
        context.meta[DIRECTORY] = given
    invocation = context.find_object(Invocation)
    if given is not None and invocation is not None:
        invocation.directory = given


_CONFIG_DIR = click.Option(
    ["--config-dir"],
    metavar="DIR",
    expose_value=False,
    # The help of the program shows it once, and not each command again.
    hidden=True,
    # What other options do may depend on it.
    is_eager=True,
    callback=take_directory,
)
"""The option of the program, behind a command."""


class LazyGroup(click.Group):
    """Commands by a table: name -> module, and the line of help.

    Each module has its command in `command`; the line of help is that command's
    own.
    """

    context_class = HelpContext

    def __init__(self, *, table: Mapping[str, tuple[str, str]], **settings: Any) -> None:  # noqa: ANN401
        """Keep the table; loads nothing."""
        super().__init__(**settings)
        self.table = table

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(self.table)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Load a command."""
        if name not in self.table:
            return None
        try:
            command = cast("click.Command", importlib.import_module(self.table[name][0]).command)
        except ModuleNotFoundError as error:
            if cure := cure_for(error.name):
                raise click.ClickException(f"There is no {error.name}; {cure}.") from error
            raise
        if all(each.name != _CONFIG_DIR.name for each in command.params):
            command.params.append(_CONFIG_DIR)
        command.context_class = self.context_class
        # The program may have another name; what stands behind it are the groups.
        path = context.command_path.split(" ")[1:]
        command.epilog = epilog_of(" ".join([*path, name]))
        return command

    def resolve_command(
        self,
        context: click.Context,
        args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may be meant."""
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            meant = closest(args[0], self.table)
            if not meant:
                raise
            text = f"{error.message} Did you mean {meant!r}?"
            raise click.UsageError(text, context) from None

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lines of help, without loading any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])
