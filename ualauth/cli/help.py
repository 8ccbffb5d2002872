"""Help in colour, where it is shown in a terminal: click leaves colours out elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click


class HelpFormatter(click.HelpFormatter):
    """Headings, the program, options and commands stand out; the words are the same without."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line of the usage."""
        super().write_usage(_styled(prog, "cyan"), args, prefix)

    def write_heading(self, heading: str) -> None:
        """Write what stands over a part."""
        super().write_heading(_styled(heading, "yellow", bold=True))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write options or commands, each with what it is for."""
        styled = [(_styled(first, "cyan"), second) for first, second in rows]
        super().write_dl(styled, col_max, col_spacing)


class HelpContext(click.Context):
    """Where a command is called, and its help is written."""

    formatter_class = HelpFormatter


def _styled(text: str, colour: str, *, bold: bool | None = None) -> str:
    # https://no-color.org
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour, bold=bold)
