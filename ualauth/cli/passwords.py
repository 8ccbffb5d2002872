"""Passwords come from a hidden prompt or from standard input, never from arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

from ualauth.cli.prompts import ask_hidden
from ualauth.errors import PasswordError
from ualauth.passwords.forms import read_whole

F = TypeVar("F", bound=Callable[..., Any])

password_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)


def new_password_options(function: F) -> F:
    """Add the options that say where a new password comes from."""
    none = click.option("--no-password", is_flag=True, help="Have no password at all.")
    return password_stdin(none(function))


def warn_of_sasl(secrets: Sequence[object]) -> None:
    """Say so if a password that was stored has no secrets: no program logs in by proving it."""
    if not secrets:
        click.echo(
            "SCRAM cannot use it, and CRAM-MD5 neither: SASLprep (RFC 4013) prohibits a character.",
            err=True,
        )


def warn_of_http(authid: str) -> None:
    """Say so if an authid cannot be sent by HTTP Basic, where a colon ends it (RFC 7617)."""
    if ":" in authid:
        click.echo("HTTP Basic cannot carry this authid: it has a colon (RFC 7617).", err=True)


def read_password_or_none(*, from_stdin: bool, none: bool) -> str | None:
    """Return a password that is to be stored, or `None` if there is to be none."""
    if none and from_stdin:
        raise click.UsageError("Either --password-stdin or --no-password.")
    return None if none else read_new_password(from_stdin=from_stdin)


def read_new_password(*, from_stdin: bool) -> str:
    """Return a password that is to be stored: prompted for twice, or read."""
    if not from_stdin:
        return ask_hidden("New password", confirm=True)
    password = next(stdin_lines(), "")
    if not password:
        raise click.UsageError("There is no password on standard input.")
    return password


def read_hash(*, from_stdin: bool = True) -> str:
    """Return a stored password from standard input or a hidden prompt, one that can be verified.

    Raises:
        click.UsageError: if there is none, or it is clear text.

    """
    stored = (next(stdin_lines(), "") if from_stdin else ask_hidden("Hash")).strip()
    if not stored:
        raise click.UsageError("There is no hash on standard input.")
    try:
        if read_whole(stored).scheme.name == "plain":
            raise click.UsageError("That is clear text: user passwd hashes it.")
    except PasswordError as error:
        raise click.UsageError(f"{error}.") from None
    return stored


def stdin_lines() -> Iterator[str]:
    """Read standard input by lines, which end in LF or CR LF and lose that."""
    for number, data in enumerate(sys.stdin.buffer, 1):
        try:
            yield data.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise click.UsageError(f"Line {number} of standard input is not UTF-8.") from None
