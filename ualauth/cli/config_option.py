"""`--config-dir` behind a command, for what is tried with another folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ualauth.cli.invocation import Invocation

C = TypeVar("C", bound=Callable[..., Any])


def _take(context: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None and isinstance(context.obj, Invocation):
        context.obj.directory = value


def config_option(text: str) -> Callable[[C], C]:
    """Return the option, with its help; it counts more than the one before the command."""
    return click.option(
        "--config-dir", metavar="DIR", callback=_take, expose_value=False, is_eager=True, help=text
    )
