"""`ualauth sync watch`."""

from __future__ import annotations

import os
import signal
import threading

import click

from ualauth.cli.invocation import Invocation
from ualauth.cli.plain import plain
from ualauth.cli.sync.auditing import write_to_audit_file
from ualauth.cli.sync.report import counted
from ualauth.errors import UalauthError
from ualauth.sync.failures import SyncBusy
from ualauth.sync.run import Outcome
from ualauth.sync.watch import Watch

_LOOK = 30
"""Seconds after which it is looked for agreements that are new."""
_FINISH = 60.0
"""Seconds that a run may still take after a stop: what is cut off then, the next one does."""
_NICE = 10
"""Logins come first."""


@click.command("watch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How often to run those of which the agreement does not say; 300 if NAMEs are given.",
)
@click.option("--with-parent", is_flag=True, hidden=True)
@click.pass_obj
def command(
    invocation: Invocation, *, names: tuple[str, ...], every: int | None, with_parent: bool
) -> None:
    """Run agreements as often as they say, until SIGTERM or Ctrl-C.

    Without NAMEs, those that have --every; ualauth serve does the same. OpenLDAP servers that
    are asked by syncrepl tell changes of users at once. A plan that locks too many users is left
    to ualauth sync run.
    """
    parent = os.getppid()
    os.nice(_NICE)
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    write_to_audit_file(invocation.config)
    interval = every or (300 if names else 0)
    watch = Watch(invocation.store, stop, names, interval=interval, tell=_tell)
    try:
        while watch.look():
            if _stopped(stop, parent if with_parent else None):
                break
        else:
            click.echo("No agreement has a schedule: ualauth sync modify NAME --every 300")
        stop.set()
        watch.finish(_FINISH)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stopped(stop: threading.Event, parent: int | None) -> bool:
    """Wait for a while; return whether it is to end."""
    for _ in range(_LOOK):
        if stop.wait(1.0) or (parent is not None and os.getppid() != parent):
            return True
    return False


def _tell(name: str, result: Outcome | UalauthError) -> None:
    if isinstance(result, SyncBusy):
        # Another host was first.
        return
    if isinstance(result, UalauthError):
        click.echo(plain(f"{name}: {result}"), err=True)
        return
    text = counted(result.plan.counts() | {"conflict": len(result.conflicts)})
    held = "" if result.applied else f"; held back: {result.plan.guard}"
    click.echo(plain(f"{name}: {text}{held}"))
