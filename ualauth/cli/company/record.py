"""A company as shown, and the options that stand for its fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ualauth.cli.problems import count
from ualauth.cli.user.fields import read_policy

if TYPE_CHECKING:
    from ualauth.userlist.companies.record import Company
    from ualauth.userlist.companies.store import Size

F = TypeVar("F", bound=Callable[..., Any])


def field_options(function: F) -> F:
    """Add the options; what is not given is `None` or empty."""
    for option in (
        click.option(
            "--policy",
            multiple=True,
            type=read_policy,
            metavar="KEY=VALUE",
            help="A rule for its users who have none of their own; may be repeated.",
        ),
        click.option(
            "--default/--no-default",
            "is_default",
            default=None,
            help="Whether a name without a domain may mean a user of this company.",
        ),
        click.option(
            "--limit",
            "user_limit",
            type=click.IntRange(min=0),
            metavar="USERS",
            help="How many users it may have; 0 is as many as there may be.",
        ),
    ):
        function = option(function)
    return function


def company_json(company: Company, size: Size, administrators: Sequence[str]) -> dict[str, Any]:
    """Return a company for JSON, with times in UTC."""
    from ualauth.userlist.policy import read_own  # noqa: PLC0415 - loaded when needed

    return {
        "company": company.name,
        "domains": list(company.domains),
        "users": size.users,
        "user_limit": company.user_limit,
        "groups": size.groups,
        "administrators": list(administrators),
        "default": company.is_default,
        "policy": read_own(company.policy),
        "created": company.created.isoformat(),
        "deleted": None if company.deleted is None else company.deleted.isoformat(),
    }


def company_rows(company: Company, size: Size, administrators: Sequence[str]) -> dict[str, str]:
    """Return a company for people: label -> text."""
    from ualauth.userlist.policy import read_own  # noqa: PLC0415 - loaded when needed

    limit = f" of {company.user_limit}" if company.user_limit else ""
    own = (f"{key} = {value}" for key, value in read_own(company.policy).items())
    return {
        "company": company.name,
        "domains": "\n".join(company.domains) or "none",
        "users": f"{size.users}{limit}",
        "groups": str(size.groups),
        "administrators": "\n".join(administrators) or "none",
        "default": "yes" if company.is_default else "no",
        "policy": "\n".join(own) or "none",
        "state": state_of(company),
    }


def state_of(company: Company) -> str:
    """Return whether a company was deleted, and until when it is kept."""
    due = company.purged_from
    return "active" if due is None else f"deleted, kept until {due:%Y-%m-%d}"


def told_size(company: Company, size: Size) -> str:
    """Return the rest of a line in a list."""
    words = [count(size.users, "user"), *company.domains]
    return ", ".join(words if company.deleted is None else [*words, "deleted"])
