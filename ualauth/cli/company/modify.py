"""`ualauth company modify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ualauth.cli.company.record import field_options
from ualauth.cli.completion import companies
from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain

if TYPE_CHECKING:
    from ualauth.userlist.companies.store import CompanyChanges


@click.command("modify")
@click.argument("company", shell_complete=companies)
@click.option("--add-domain", multiple=True, metavar="DOMAIN", help="One domain more.")
@click.option("--remove-domain", multiple=True, metavar="DOMAIN", help="One domain less.")
@click.option("--no-policy", multiple=True, metavar="KEY", help="The usual rule for this KEY.")
@field_options
@click.pass_obj
def command(  # noqa: PLR0913 - the options
    invocation: Invocation,
    /,
    *,
    company: str,
    add_domain: Sequence[str],
    remove_domain: Sequence[str],
    no_policy: Sequence[str],
    user_limit: int | None,
    is_default: bool | None,
    policy: Sequence[tuple[str, Any]],
) -> None:
    """Change a company.

    What is not mentioned stays as it is. A domain that users still have is not removed.
    """
    from ualauth.errors import InvalidValue  # noqa: PLC0415 - loaded when needed
    from ualauth.userlist.companies.record import domain_key  # noqa: PLC0415 - SQLAlchemy
    from ualauth.userlist.policy import print_own, read_own  # noqa: PLC0415 - likewise

    store = invocation.store.companies
    record = store.get(company)
    values: CompanyChanges = {}
    if add_domain or remove_domain:
        gone = {domain_key(domain) for domain in remove_domain}
        if missing := gone - set(record.domains):
            raise InvalidValue(f"domain {min(missing)!r}: is none of this company")
        remaining = [domain for domain in record.domains if domain not in gone]
        values["domains"] = (*remaining, *add_domain)
    if user_limit is not None:
        values["user_limit"] = user_limit
    if is_default is not None:
        values["is_default"] = is_default
    if policy or no_policy:
        rules = read_own(record.policy) | dict(policy)
        values["policy"] = print_own({key: rules[key] for key in rules if key not in no_policy})
    if not values:
        raise click.UsageError("Say what to change; see --help.")
    changed = store.update(record, **values)
    click.echo(f"Changed {plain(changed.name)}.")
