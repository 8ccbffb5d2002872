"""The options that stand for a group's fields; `add` and `modify` share them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ualauth.userlist.names import parse

F = TypeVar("F", bound=Callable[..., Any])


def field_options(function: F) -> F:
    """Add the options; what is not given is `None` or empty."""
    for option in (
        click.option(
            "--address",
            "addresses",
            multiple=True,
            metavar="ADDRESS",
            help="An e-mail address; may be repeated, the first is the primary one.",
        ),
        click.option(
            "--name",
            "or_name",
            type=parse,
            metavar="NAME",
            help="The O/R name, positional or tagged, such as /ny,hq/CN=Sales; /CN=GROUP if none "
            "is given.",
        ),
    ):
        function = option(function)
    return function


def check_one(groups: Sequence[str], given: Sequence[tuple[str, object]]) -> None:
    """Refuse several groups with what only one group can have."""
    for option, value in given:
        if len(groups) > 1 and value:
            raise click.UsageError(f"Only one group can have {option}: name one GROUP.")
