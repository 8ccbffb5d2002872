"""How the program ends: exit statuses, and what each error amounts to.

Errors are one clear line on stderr, or all problems of a file; never a
traceback.
"""

from __future__ import annotations

import enum
import os
import sys
from typing import Any

import click

from ualauth.cli.lazy import LazyGroup
from ualauth.cli.plain import block, plain
from ualauth.errors import PasswordError, UalauthError, UserError
from ualauth.system.frames import clear_locals


class ExitStatus(enum.IntEnum):
    """What the program tells its caller."""

    OK = 0
    REFUSED = 1
    """A user is refused, a service file has errors, or what was asked is not possible."""
    USAGE = 2
    """The arguments or the configuration are wrong, or a file or the USERLIST cannot be used."""
    TEMPORARY = 75
    """No module could check (EX_TEMPFAIL of sysexits.h)."""
    ABORTED = 130
    """Ctrl-C: 128 + SIGINT, as shells count."""
    BROKEN_PIPE = 141
    """No program reads the output any more: 128 + SIGPIPE."""


class ExitingGroup(LazyGroup):
    """The outermost group: every error that is no bug becomes a message and a status."""

    def main(self, *args: Any, **settings: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run the program."""
        try:
            return super().main(*args, **settings)
        except OSError as error:
            # Mostly the disk that stdout goes to is full.
            click.echo(f"Error: {plain(error.filename or 'output')}: {error.strerror}", err=True)
            _silence()
            sys.exit(ExitStatus.USAGE)
        except Exception as error:
            # A bug: its traceback may be shown by a tool that shows what calls hold.
            clear_locals(error)
            raise

    def invoke(self, context: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Call the command, and end the program if it fails."""
        try:
            return super().invoke(context)
        except (KeyboardInterrupt, click.Abort):
            click.echo("Aborted.", err=True)
            context.exit(ExitStatus.ABORTED)
        except BrokenPipeError:
            _silence()
            context.exit(ExitStatus.BROKEN_PIPE)
        except UalauthError as error:
            click.echo(f"Error: {block(str(error))}", err=True)
            asked = isinstance(error, UserError | PasswordError)
            context.exit(ExitStatus.REFUSED if asked else ExitStatus.USAGE)


def _silence() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
