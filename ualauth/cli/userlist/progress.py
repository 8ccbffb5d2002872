"""`ualauth userlist progress`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import click
from rich.cells import cell_len

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json
from ualauth.cli.plain import plain
from ualauth.cli.user.record import login_json, shown_login
from ualauth.userlist.progress import DomainProgress, UserProgress, by_domain

_NO_DOMAIN = "(no domain)"
_TITLES = ("domain", "users", "moved", "left", "never seen", "locked", "last login")


@click.command("progress")
@click.option(
    "--domain",
    default="",
    metavar="DOMAIN",
    help="Only users with this domain in an address or the authid.",
)
@click.option("--moved", "which", flag_value="moved", help="List the users who have a password.")
@click.option("--left", "which", flag_value="left", help="List the users who have none yet.")
@click.option(
    "--json", "form", flag_value="json", help="Print one JSON object a line (JSON Lines)."
)
@click.option("--csv", "form", flag_value="csv", help="Print CSV (RFC 4180) with a header.")
@click.pass_obj
def command(invocation: Invocation, *, domain: str, which: str | None, form: str | None) -> None:
    """Show how many users have moved in.

    For each domain, so many users have a password in the USERLIST, and so many are left.

    Users whom an import has made without one move in at their next login, where the service
    has `om_auth learn`. Of those who are left, some have never logged in since, and some are
    locked. With --moved or --left the users themselves are listed, with their last logins.

    A user without an address, and whose authid is none, is counted under "(no domain)".
    """
    users = invocation.store.progress(domain)
    if which is None:
        domains = by_domain(users)
        if form is None:
            _print_table(domains)
            return
        _print([_domain_json(each) for each in domains], _DOMAIN, form)
        return
    moved = which == "moved"
    chosen = (each for each in users if each.moved is moved)
    if form is None:
        for each in chosen:
            remark = "  (locked)" if each.locked else ""
            click.echo(f"{plain(each.authid)}  {plain(shown_login(each.last_login))}{remark}")
        return
    _print((_user_json(each) for each in chosen), _USER, form)


_DOMAIN = ("domain", "users", "moved", "left", "left_never_seen", "left_locked", "last_login")
_USER = ("authid", "domain", "moved", "locked", "last_login")


def _print_table(domains: list[DomainProgress]) -> None:
    """Print a line for each domain; a long name moves no column into the next line."""
    everything = DomainProgress("all")
    for each in domains:
        everything.users += each.users
        everything.moved += each.moved
        everything.never_seen += each.never_seen
        everything.locked += each.locked
    rows = [_TITLES, *(_cells(each, each.domain or _NO_DOMAIN) for each in domains)]
    if len(domains) != 1:
        rows.append(_cells(everything, "all"))
    widths = [max(cell_len(row[place]) for row in rows) for place in range(len(_TITLES))]
    for row in rows:
        name, *numbers, when = row
        first = name + " " * (widths[0] - cell_len(name))
        others = (text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True))
        click.echo("  ".join((first, *others, when)).rstrip())


def _cells(progress: DomainProgress, name: str) -> tuple[str, ...]:
    login = progress.last_login
    numbers = (
        progress.users,
        progress.moved,
        progress.left,
        progress.never_seen,
        progress.locked,
    )
    when = "" if login is None else f"{login.time.astimezone():%Y-%m-%d %H:%M}"
    return (plain(name), *map(str, numbers), when)


def _domain_json(progress: DomainProgress) -> dict[str, Any]:
    return {
        "domain": progress.domain,
        "users": progress.users,
        "moved": progress.moved,
        "left": progress.left,
        "left_never_seen": progress.never_seen,
        "left_locked": progress.locked,
        "last_login": login_json(progress.last_login),
    }


def _user_json(user: UserProgress) -> dict[str, Any]:
    return {
        "authid": user.authid,
        "domain": user.domain,
        "moved": user.moved,
        "locked": user.locked,
        "last_login": login_json(user.last_login),
    }


def _print(values: Any, names: tuple[str, ...], form: str) -> None:  # noqa: ANN401 - an iterable
    """Print objects as JSON Lines, or as CSV with a time in the place of the last login."""
    if form == "json":
        for value in values:
            print_json(value, indent=None)
        return
    click.echo(_csv_line(names), nl=False)
    for value in values:
        click.echo(_csv_line([_csv_cell(value[name]) for name in names]), nl=False)


def _csv_cell(value: Any) -> str:  # noqa: ANN401 - of JSON
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return str(value["time"])
    return "" if value is None else str(value)


def _csv_line(cells: Any) -> str:  # noqa: ANN401 - an iterable of texts
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()
