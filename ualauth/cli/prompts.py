"""Questions at the terminal; all go to stderr, so that stdout has the result only.

Ctrl-C and the end of the input raise `click.Abort`, on a line of its own.
"""

from __future__ import annotations

import getpass
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import click


def ask_hidden(text: str, *, confirm: bool = False, empty: bool = False) -> str:
    """Ask without showing what is typed; `empty` takes an empty answer."""
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


def ask_visible(text: str) -> str:
    """Ask for something that may be seen; the answer may be empty."""
    with _own_line():
        answer: str = click.prompt(
            text,
            default="",
            type=str,
            show_default=False,
            prompt_suffix="",
            err=True,
        )
    return answer


def ask_whether(text: str) -> bool:
    """Ask for yes or no; no is the default."""
    with _own_line():
        return click.confirm(text, err=True)


@contextmanager
def _own_line() -> Iterator[None]:
    try:
        yield
    except click.Abort:
        click.echo(err=True)
        raise
