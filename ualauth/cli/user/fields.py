"""The options that stand for a user's fields; `add` and `modify` share them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from ualauth.contract.identity import MailboxClass
from ualauth.userlist.names import parse
from ualauth.userlist.policy import read_words

F = TypeVar("F", bound=Callable[..., Any])


def field_options(*, name_required: bool) -> Callable[[F], F]:
    """Return the decorator that adds the options; what is not given is `None` or empty.

    The parameters are called as the fields of `ualauth.userlist.record.Changes`.
    """
    options = (
        click.option(
            "--name",
            type=parse,
            metavar="NAME",
            required=name_required,
            help="The O/R name, positional or tagged: 'John Q Smith/ny,hq/CN=John Smith' or "
            "'G=John/I=Q/S=Smith/OU1=ny/OU2=hq/CN=John Smith'.",
        ),
        click.option(
            "--address",
            "addresses",
            multiple=True,
            metavar="ADDRESS",
            help="An e-mail address; may be repeated, the first is the primary one.",
        ),
        click.option(
            "--administrator/--no-administrator",
            default=None,
            help="Whether the user administers the mail system.",
        ),
        click.option(
            "--mailbox-administrator/--no-mailbox-administrator",
            default=None,
            help="Whether the user administers mailboxes.",
        ),
        click.option("--unix-uid", type=int, metavar="UID", help="The UNIX account's number."),
        click.option(
            "--class",
            "mailbox_class",
            type=click.Choice([choice.value for choice in MailboxClass]),
            callback=_mailbox_class,
            help="What the mailbox may do.",
        ),
        click.option("--language", metavar="TAG", help="The language, such as de or pt-BR."),
        click.option(
            "--mailbox-limit",
            type=int,
            metavar="MB",
            help="How large the mailbox may grow; 0 is the server's default.",
        ),
        click.option(
            "--limit-outbound/--no-limit-outbound",
            "limit_outbound_mail",
            default=None,
            help="Whether the user sends no mail while the mailbox is larger.",
        ),
        click.option(
            "--limit-inbound/--no-limit-inbound",
            "limit_inbound_mail",
            default=None,
            help="Whether the user gets no mail while the mailbox is larger.",
        ),
        click.option(
            "--limit-notify/--no-limit-notify",
            "limit_notify_user",
            default=None,
            help="Whether the user is told when the mailbox is larger.",
        ),
        click.option(
            "--hidden/--no-hidden",
            default=None,
            help="Whether directories do not show the user.",
        ),
        click.option(
            "--starts",
            "account_starts",
            type=read_moment,
            metavar="DATE",
            help="When the account begins.",
        ),
        click.option(
            "--expires",
            "account_expires",
            type=read_moment,
            metavar="DATE",
            help="When the account ends.",
        ),
        click.option(
            "--password-expires",
            type=read_moment,
            metavar="DATE",
            help="When the password has to be changed.",
        ),
        click.option(
            "--must-change/--need-not-change",
            "must_change_password",
            default=None,
            help="Whether the password has to be changed before the next login.",
        ),
        click.option(
            "--policy",
            type=read_policy,
            multiple=True,
            metavar="KEY=VALUE",
            help="A rule for this user only, such as grace_logins=3 or "
            "allowed_networks=192.0.2.0/24,2001:db8::/32; may be repeated.",
        ),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def read_moment(text: str) -> datetime:
    """Read a date or time; without a zone it is this host's."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        wanted = "2030-12-31 or 2030-12-31T18:00+01:00"
        raise click.BadParameter(f"{text!r} is no date like {wanted}.") from None


def read_policy(text: str) -> tuple[str, Any]:
    """Read a rule of one user."""
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not like grace_logins=3.")
    return key, read_words(key, value)


def _mailbox_class(_context: object, _option: object, value: str | None) -> MailboxClass | None:
    return None if value is None else MailboxClass(value)
