"""`ualauth smtp-access check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.problems import count, print_problems
from ualauth.cli.smtp_access.rules import access_control

if TYPE_CHECKING:
    from ualauth.smtp_access.parse import Parsed

_MOST_BYTES = 16 << 20
_STDIN = Path("-")


@click.command("check")
@click.argument(
    "file",
    metavar="[FILE]",
    required=False,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.pass_context
def command(context: click.Context, *, file: Path | None, strict: bool) -> None:
    """Look for mistakes in smtpd.cfg, and for settings that need a rule.

    Prints every problem with its place and its cure. FILE is one that is not
    installed yet, and - is standard input; it is checked as if it were
    smtpd.cfg. Exit status: 1 if there is any error.
    """
    invocation: Invocation = context.obj
    access = access_control(invocation)
    parsed = access.check() if file is None else access.check(_candidate(file), str(file))
    checked = count(len(list(parsed.rules.every_rule())), "rule")
    if file is None and not access.file.path.exists():
        checked = f"there is no {access.file.path}: {checked}"
    errors, warnings = print_problems(parsed.problems, checked)
    if errors or (strict and warnings):
        context.exit(ExitStatus.REFUSED)


def _candidate(file: Path) -> Parsed:
    from ualauth.smtp_access.access_file import AccessFile  # noqa: PLC0415 - an extra
    from ualauth.smtp_access.parse import parse  # noqa: PLC0415 - likewise

    if file != _STDIN:
        return AccessFile(file.absolute().parent, name=file.name).check()
    octets = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(octets) > _MOST_BYTES:
        raise click.UsageError(f"standard input has more than {_MOST_BYTES} bytes")
    return parse(str(file), octets.decode(errors="surrogateescape"))
