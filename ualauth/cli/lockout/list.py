"""`ualauth lockout list`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.output import print_json, warn_of_several
from ualauth.cli.plain import plain
from ualauth.userlist.account.lockout import microseconds_now


@click.command("list")
@click.option("--user", help="Only of this user, or of this name in another system.")
@click.option("--source", help="Only from this address, IPv6 network or host.")
@click.option("--locked", is_flag=True, help="Only who is locked out now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (JSON Lines).")
@click.pass_obj
def command(
    invocation: Invocation, *, user: str | None, source: str | None, locked: bool, as_json: bool
) -> None:
    """List failed logins that count, and locks, of each user and source.

    The name of a user who is not in the USERLIST is not kept, as people type
    passwords there: `--user` finds it nevertheless.
    """
    listed(invocation, user=user, source=source, locked=locked, as_json=as_json)
    warn_of_several(invocation, user)


def listed(
    invocation: Invocation,
    *,
    user: str | None = None,
    source: str | None = None,
    locked: bool = False,
    as_json: bool = False,
) -> int:
    """Print what counts and is asked for, and return how much that is."""
    store, now = invocation.store, microseconds_now()
    keys = None if user is None else store.failure_keys(user)
    names = store.authids_of_failures() if user is None else {}
    rules, number = invocation.config.policy.lockout, 0
    for key, where, written in store.every_failure():
        failures = written.counting(now, rules)
        ends = _time(failures.locked_until) if failures.is_locked(now) else None
        if (
            (not failures.number and ends is None)
            or (keys is not None and key not in keys)
            or (source is not None and where != source)
            or (locked and ends is None)
        ):
            continue
        number += 1
        name = user if user is not None else names.get(key)
        last = max((*failures.moments, *failures.reserved), default=0)
        if as_json:
            row = {
                "user": name,
                "source": where,
                "failures": failures.number,
                "last": _time(last).isoformat() if last else None,
                "locked_until": ends.isoformat() if ends else None,
            }
            print_json(row, indent=None)
            continue
        parts = [f"{failures.number} failed"]
        if last:
            parts.append(f"the last at {_shown(_time(last))}")
        if ends:
            parts.append(f"locked out until {_shown(ends)}")
        who = plain(name or "(not in the USERLIST)")
        click.echo(f"{who}  {plain(where or 'this host')}  {', '.join(parts)}")
    return number


def _time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment // 1_000_000, UTC)


def _shown(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"
