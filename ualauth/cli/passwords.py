"""Passwords come from a hidden prompt or from standard input, never from arguments."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Iterator

import click

password_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)


def read_new_password(*, from_stdin: bool) -> str:
    """Return a password that is to be stored: prompted for twice, or read."""
    if not from_stdin:
        return ask_hidden("New password", confirm=True)
    password = next(stdin_lines(), "")
    if not password:
        raise click.UsageError("There is no password on standard input.")
    return password


def stdin_lines() -> Iterator[str]:
    """Read standard input by lines, which end in LF or CR LF and lose that."""
    for number, data in enumerate(sys.stdin.buffer, 1):
        try:
            yield data.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise click.UsageError(f"Line {number} of standard input is not UTF-8.") from None


def ask_hidden(text: str, *, confirm: bool = False, empty: bool = False) -> str:
    """Ask at the terminal without showing what is typed; `empty` takes an empty answer."""
    with warnings.catch_warnings():
        # It would warn, and show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            answer: str = click.prompt(
                text,
                default="" if empty else None,
                type=str,
                show_default=False,
                hide_input=True,
                confirmation_prompt="The same again" if confirm else False,
                prompt_suffix="" if text.endswith(" ") else ": ",
                err=True,
            )
        except getpass.GetPassWarning:
            raise click.UsageError(
                "There is no terminal to ask for a password; use --password-stdin.",
            ) from None
    return answer
