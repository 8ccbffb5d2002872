"""`ualauth explain`: what a service would make of a login, without one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Unpack

import click

from ualauth.cli.completion import mechanisms, services, users
from ualauth.cli.exits import ExitStatus
from ualauth.cli.invocation import Invocation
from ualauth.cli.output import cell, console, grid, line, print_json, warn_of_several
from ualauth.cli.plain import plain
from ualauth.cli.ways import place_of, print_way
from ualauth.errors import StoreError, UnknownService
from ualauth.explaining.explain import Explainer
from ualauth.explaining.explanation import Explanation, Way
from ualauth.explaining.replies import PROTOCOLS
from ualauth.runtime.audit import level_of
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.peer import Peer
from ualauth.userlist.checks import MAX_UNIX_UID

_STYLES = {Outcome.GRANTED: "bold green", Outcome.UNAVAILABLE: "bold yellow"}
_MOST_WAYS = 8
"""Ways that are shown with all their steps."""


class _Given(click.Choice[str]):
    """A choice that does not repeat what was typed: that may be the password."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the word."""
        if value not in self.choices:
            self.fail(f"it is one of {', '.join(self.choices)}, not the password", param, ctx)
        return str(value)


@click.command("explain")
@click.argument("service", shell_complete=services)
@click.argument("user", required=False, shell_complete=users)
@click.option(
    "--password",
    "given",
    type=_Given(["right", "wrong", "either"]),
    default="right",
    show_default=True,
    help="Whether the password, proof, token or ticket is the right one; never the password.",
)
@click.option(
    "--mechanism",
    metavar="NAME",
    shell_complete=mechanisms,
    help="The SASL mechanism; without it, the password is typed.",
)
@click.option("--rhost", metavar="HOST", help="The host that the person comes from.")
@click.option("--ruser", metavar="NAME", help="The user on whose behalf the service is asked.")
@click.option("--tty", metavar="NAME", help="The terminal.")
@click.option(
    "--caller-uid",
    metavar="UID",
    type=click.IntRange(0, MAX_UNIX_UID),
    help="The UNIX uid of the calling process; by default it is not known.",
)
@click.option("--tls/--no-tls", help="Whether the connection is encrypted; by default it is not.")
@click.option(
    "--at",
    metavar="TIME",
    help="When, in ISO 8601; without a zone, in local time. By default now.",
)
@click.option(
    "--assume",
    metavar="MODULE[=CODE]",
    multiple=True,
    help="What an entry answers: MODULE=CODE, or FILE:LINE=CODE for one line. MODULE alone "
    "answers as --password says. May be repeated.",
)
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--html", "form", flag_value="html", help="Print one HTML file, with the stacks.")
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    *,
    service: str,
    user: str | None,
    given: str,
    mechanism: str | None,
    at: str | None,
    assume: Sequence[str],
    form: str | None,
    **peer: Unpack[Peer],
) -> None:
    """Explain what a service would make of a login.

    Shows how SERVICE would decide about USER. No password is needed. Nothing is
    counted, logged or written, and no server is asked but that of the USERLIST:
    of entries that ask one, the answer is assumed, by --password or --assume.
    What is not known is shown both ways.

    \b
    ualauth explain imap jsmith
    ualauth explain imap jsmith --password either --rhost 192.0.2.7 --tls
    ualauth explain imap jsmith --mechanism SCRAM-SHA-256 --tls
    ualauth explain pop3 jsmith --at 2026-12-24T22:00
    ualauth explain imap jsmith --assume om_ldap=authinfo_unavail

    Exit status: 0 let in; 1 refused, restricted or expired, on any of the ways;
    2 usage or configuration; 75 it could not be checked.
    """  # noqa: D301 - click's mark of a paragraph that stays as it is
    invocation: Invocation = context.obj
    # One login: what is not given is not there.
    known: Peer = {name: value for name, value in peer.items() if value is not None}  # type: ignore[assignment]
    with Explainer(invocation.config) as explainer:
        try:
            explanation = explainer.explain(
                service, user, password=given, mechanism=mechanism, at=at, assume=assume, **known
            )
        except UnknownService as error:
            raise UnknownService(f"{error}{invocation.near(service)}") from None
        except ValueError as error:
            raise click.UsageError(plain(str(error))) from None
    folder = str(invocation.config.service_folder)
    if form == "json":
        print_json(explanation.as_dict())
    elif form == "html":
        # Few want a picture.
        from ualauth.cli.picture.explained import explained_html  # noqa: PLC0415

        titles = [
            f"Way {number} of {len(explanation.ways)}: {_supposed(way, folder)}"
            for number, way in enumerate(explanation.ways[:_MOST_WAYS], 1)
        ]
        if len(explanation.ways) == 1:
            titles = ["The way of the login"]
        title = f"{explanation.service}: {_situation(explanation)}"
        compiled = invocation.compiled(explanation.service)
        click.echo(explained_html(explanation, compiled, folder, title, titles))
    else:
        _print(explanation, folder, _zone_of(at))
    _warn(invocation, explanation)
    context.exit(_status(explanation))


def _status(explanation: Explanation) -> ExitStatus:
    outcomes = {way.outcome for way in explanation.ways}
    if outcomes == {Outcome.GRANTED} and explanation.is_complete:
        return ExitStatus.OK
    if outcomes <= {Outcome.GRANTED, Outcome.UNAVAILABLE}:
        return ExitStatus.TEMPORARY
    return ExitStatus.REFUSED


def _warn(invocation: Invocation, explanation: Explanation) -> None:
    """Say on stderr what of a name that is refused may be a slip."""
    user = explanation.user
    if user is None or explanation.conclusion is Outcome.GRANTED:
        return
    warn_of_several(invocation, user)
    if not invocation.config.has_userlist:
        return
    with contextlib.suppress(StoreError):
        if not invocation.store.fitting(user).users:
            click.echo(f"No user of the USERLIST has the name {plain(repr(user))}.", err=True)


def _zone_of(at: str | None) -> str:
    """Return what is to be said of a time that has no zone."""
    if at is None:
        return ""
    with contextlib.suppress(ValueError):
        if datetime.fromisoformat(at).tzinfo is None:
            return " (--at has no zone: it is local time)"
    return ""


def _print(explanation: Explanation, folder: str, zone: str) -> None:
    line(cell(explanation.service, "bold"), cell(f": {_situation(explanation)}{zone}"))
    console().print()
    ways = explanation.ways
    for number, way in enumerate(ways[:_MOST_WAYS], 1):
        if len(ways) > 1:
            console().print(cell(f"Way {number} of {len(ways)}: {_supposed(way, folder)}", "bold"))
            console().print()
        print_way((each.step for each in way.steps), folder)
        if len(ways) > 1:
            _print_end(way, folder)
            console().print()
    for way in ways[_MOST_WAYS:]:
        console().print(cell(f"{_supposed(way, folder)}: {way.outcome}"))
    if len(ways) == 1:
        _print_end(ways[0], folder)
    else:
        _print_conclusion(explanation, folder)


def _print_conclusion(explanation: Explanation, folder: str) -> None:
    """Print what several ways come to."""
    conclusion = explanation.conclusion
    if not explanation.is_complete:
        number = len(explanation.ways)
        text = f"none: there are more ways than {number}; say more by --assume"
        line(cell("Conclusion: ", "bold"), cell(text, "bold red"))
        return
    if conclusion is not None:
        line(cell("Conclusion: ", "bold"), cell(conclusion, _style(conclusion)), " on every way")
        return
    on = [f"{each.what} ({_short(each.entry, folder)})" for each in explanation.depends_on]
    console().print(cell(f"Conclusion: depends on {' and on '.join(on)}", "bold"))


def _print_end(way: Way, folder: str) -> None:
    """Print what a way comes to, what the client is told, and what the log says."""
    out = console()
    reason = "" if way.reason is None else f" ({way.reason})"
    line(cell("Conclusion: ", "bold"), cell(way.outcome, _style(way.outcome)), cell(reason))
    deciding = way.deciding
    if deciding is not None:
        where = place_of(deciding.file, deciding.line, folder)
        through = "".join(f", run by {_short(each, folder)}" for each in deciding.through[::-1])
        said = f": {way.remark or deciding.remark}" if way.remark or deciding.remark else ""
        line(cell(f"  {deciding.module} ({where}{through}){said}"))
    elif way.remark:
        line(cell(f"  {way.remark}"))
    if way.messages:
        table = grid()
        for message in way.messages:
            table.add_row(cell("  The user is told", "dim"), cell(message))
        out.print(table)
    out.print(cell("The client is told", "bold"))
    table = grid()
    for key, name in PROTOCOLS.items():
        table.add_row(cell(f"  {name}", "dim"), cell(way.replies[key]))
    out.print(table)
    out.print(cell("The log says", "bold"))
    level = logging.getLevelName(level_of(way.record.outcome, way.record.event))
    line(cell(f"  {level} {way.log}"))


def _situation(explanation: Explanation) -> str:
    """Return in a line what is supposed."""
    peer = explanation.peer
    given = {"right": "right", "wrong": "wrong", "either": "right or wrong"}[explanation.password]
    how = "typed" if explanation.mechanism is None else f"by {explanation.mechanism}"
    words = [
        repr(explanation.user) if explanation.user is not None else "a client without a name",
        f"the password {given}, {how}",
        f"from {peer['rhost']}" if peer.get("rhost") else "",
        "under TLS" if peer.get("tls") else "without TLS",
        f"at {explanation.moment.astimezone().isoformat(' ', 'seconds')}",
        *(f"{each} assumed" for each in explanation.assumed),
    ]
    return ", ".join(word for word in words if word)


def _supposed(way: Way, folder: str) -> str:
    parts = [f"{each.what} ({_short(each.entry, folder)}) is {each.answer}" for each in way.choices]
    return ", ".join(parts) or "nothing more is supposed"


def _short(entry: str, folder: str) -> str:
    return entry.removeprefix(f"{folder}/")


def _style(outcome: Outcome) -> str:
    return _STYLES.get(outcome, "bold red")
