"""`ualauth user list`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from rich.cells import cell_len

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.user.record import remarks, user_json
from ualauth.userlist.listing import Policies, UserFilter
from ualauth.userlist.record import LastLogin, User

_AUTHID = 20
_NAME = 36
"""Columns for the authid and the name; a wider text moves the rest of its line."""

F = TypeVar("F", bound=Callable[..., Any])


def filter_options(function: F) -> F:
    """Add the options that choose users; they are called as the fields of `UserFilter`."""
    options = (
        click.option(
            "--match",
            default="",
            metavar="PATTERN",
            help="Only users whose authid, address or O/R name is like this: * is any text, ? "
            "one character. Case does not count.",
        ),
        click.option(
            "--domain",
            default="",
            metavar="DOMAIN",
            help="Only users with this domain in an address or the authid.",
        ),
        click.option(
            "--group",
            default="",
            metavar="GROUP",
            help="Only users in this group, also by groups in it.",
        ),
        click.option("--locked", is_flag=True, help="Only locked users."),
        click.option(
            "--expired",
            is_flag=True,
            help="Only users whose account or password has expired.",
        ),
        click.option(
            "--locked-out",
            is_flag=True,
            help="Only users whom failed logins lock out now, from some source.",
        ),
        click.option(
            "--never-logged-in",
            is_flag=True,
            help="Only users of whom no login was noted.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command("list")
@filter_options
@click.option(
    "--missing-secrets",
    is_flag=True,
    help="Only users who cannot log in by every SCRAM mechanism yet: they have a password, "
    "but not all SASL secrets. Their next login with the password adds them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    *,
    as_json: bool,
    missing_secrets: bool,
    **chosen: Any,  # noqa: ANN401 - the filter
) -> None:
    """List users: all, or some.

    With options, those of whom everything holds that is asked for.

    Prints the authid, the O/R name, and what keeps the user out, in the order
    of the authids, and each as soon as it is read. The list may be empty.
    """
    wanted = tuple(invocation.hasher.mechanisms) if missing_secrets else ()
    policy = invocation.config.policy
    policies = Policies(policy, invocation.store.company_policy)
    for user, login, is_locked_out in invocation.store.list_users(
        UserFilter(**chosen, lacking_mechanisms=wanted), policy
    ):
        remarked = remarks(user, policies.of(user), is_locked_out=is_locked_out)
        print_listed(user, login, remarked, as_json=as_json)


def print_listed(
    user: User, login: LastLogin | None, remarked: Sequence[str], *, as_json: bool
) -> None:
    """Print the line of a user in a list."""
    if as_json:
        print_json(user_json(user, login, remarked), indent=None)
        return
    # Not through rich, which takes twenty times as long.
    columns = (_padded(user.authid, _AUTHID), _padded(str(user.name), _NAME))
    click.echo("  ".join([*columns, ", ".join(remarked)]).rstrip())


def _padded(text: str, width: int) -> str:
    shown = plain(text)
    return shown + " " * (width - cell_len(shown))
