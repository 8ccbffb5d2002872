"""`ualauth company add`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ualauth.cli.company.record import field_options
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain


@click.command("add")
@click.argument("company")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    help="A domain of its addresses; may be repeated.",
)
@field_options
@click.pass_obj
def command(  # noqa: PLR0913 - the options
    invocation: Invocation,
    /,
    *,
    company: str,
    domains: Sequence[str],
    user_limit: int | None,
    is_default: bool | None,
    policy: Sequence[tuple[str, Any]],
) -> None:
    """Add a company.

    COMPANY is its mail node: the OU1 of the names of its users. Its administrators are users of
    it, added with --administrator.
    """
    from ualauth.userlist.companies.record import NewCompany  # noqa: PLC0415 - SQLAlchemy
    from ualauth.userlist.policy import print_own  # noqa: PLC0415 - likewise

    store = invocation.store.companies
    added = store.add(
        NewCompany(
            name=company,
            domains=tuple(domains),
            user_limit=user_limit or 0,
            is_default=bool(is_default),
            policy=print_own(dict(policy)),
        )
    )
    click.echo(f"Added {plain(added.name)}.")
    if not store.is_hosting:
        click.echo("It has no effect yet: see ualauth company hosting on --plan.", err=True)
