"""The options that stand for an agreement's settings; `add` and `modify` share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ualauth.sync.agreement import Source
from ualauth.sync.products import Product

F = TypeVar("F", bound=Callable[..., Any])


def agreement_options(*, new: bool) -> Callable[[F], F]:
    """Return the decorator that adds the options; what is not given is `None` or empty.

    The parameters are called as the fields of `ualauth.sync.agreement.Agreement`.
    """
    options = (
        click.option(
            "--directory",
            "product",
            type=click.Choice([each.value for each in Product]),
            required=new,
            help="What the directory is.",
        ),
        click.option(
            "--uri",
            "uris",
            multiple=True,
            metavar="URI",
            required=new,
            help="A server, as ldaps://host; may be repeated, the first that is well is asked.",
        ),
        click.option("--base", required=new, metavar="DN", help="Below which entry users stand."),
        click.option(
            "--filter",
            "filter_text",
            metavar="FILTER",
            help="Which entries are users; the directory's usual ones by default.",
        ),
        click.option(
            "--source",
            type=click.Choice([each.value for each in Source]),
            help="How to ask: for all each time, which every directory answers and is the "
            "default, or for what changed.",
        ),
        click.option(
            "--group-base",
            metavar="DN",
            help="Below which entry groups stand; without it, none is taken, and with an empty "
            "one those that were are yours.",
        ),
        click.option(
            "--group-filter",
            metavar="FILTER",
            help="Which entries are groups; the directory's usual ones by default.",
        ),
        click.option(
            "--every",
            "interval",
            type=click.IntRange(min=0),
            metavar="SECONDS",
            help="How often ualauth serve, and sync watch, run it; 0 is never, the default.",
        ),
        click.option("--bind-dn", metavar="DN", help="As whom to ask; anonymously by default."),
        click.option(
            "--password-file", metavar="FILE", help="The file with the password of that DN."
        ),
        click.option(
            "--tls/--no-tls",
            default=None,
            help="Whether ldap:// servers are asked with StartTLS; they are by default.",
        ),
        click.option("--ca-file", metavar="FILE", help="Certificates of whom to trust, as PEM."),
        click.option("--mail-node", metavar="OUS", help="The mail node of the users, as in ny,hq."),
        click.option(
            "--scalix/--no-scalix",
            default=None,
            help="Whether attributes such as scalixMailnode are taken, too, administrators' "
            "rights among them.",
        ),
        click.option(
            "--map",
            "mapping",
            multiple=True,
            type=_read_pair,
            metavar="FIELD=ATTRIBUTE",
            help="Another attribute for a field; none to leave the field to you; may be repeated.",
        ),
        click.option(
            "--max-deletes",
            type=click.IntRange(min=0),
            metavar="N",
            help="How many users a run may lock without being confirmed; 50 by default.",
        ),
        click.option(
            "--max-share",
            type=click.IntRange(0, 100),
            metavar="PERCENT",
            help="How large a share of its users that may be; 10 by default.",
        ),
        click.option(
            "--keep-days",
            type=click.IntRange(min=0),
            metavar="DAYS",
            help="How long users whose entries are gone are kept, locked; 30 by default.",
        ),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def values_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given, as an agreement has them."""
    values = {name: value for name, value in given.items() if value is not None and value != ()}
    if "product" in values:
        values["product"] = Product(values["product"])
    if "source" in values:
        values["source"] = Source(values["source"])
    if "mapping" in values:
        values["mapping"] = dict(values["mapping"])
    return values


def _read_pair(text: str) -> tuple[str, str]:
    field, equals, attribute = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not like authid=userPrincipalName.")
    return field.strip(), attribute.strip()
