"""`ualauth status`: how the daemon does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ualauth.cli.invocation import Invocation

_FIGURES = {
    "pid": "process",
    "connections": "connections",
    "requests": "requests",
    "hashes_waiting": "hashes",
    "logins_not_taken": "not taken",
}
"""Key -> the head of its column."""


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(invocation: Invocation, *, as_json: bool) -> None:
    """Show how the daemon does: its workers and its sockets.

    It is asked by the socket of ualauth.toml whose protocol is `control`. Of
    each worker: the clients that are connected, the requests that are being
    answered, the hashes that are computed or wait to be, and the logins whose
    mail process has not asked for them yet. Below stand the directories that
    were asked, and whether each answered when a worker asked it last.
    """
    from ualauth.cli.daemon import ask  # noqa: PLC0415 - help needs nothing of it
    from ualauth.cli.output import console, grid, line, print_json  # noqa: PLC0415 - likewise

    workers = ask(invocation, "STATUS", "workers")
    if as_json:
        print_json(workers)
        return
    rows = grid("worker", *_FIGURES.values())
    for each in workers:
        rows.add_row(str(each["worker"]), *(str(each[key]) for key in _FIGURES))
    console().print(rows)
    sockets = {place: name for each in workers for place, name in each["sockets"].items()}
    for place, protocol in sorted(sockets.items()):
        line(f"{protocol} at {place}")
    for server, is_up in sorted(_servers(workers).items()):
        line(f"{server} is {'up' if is_up else 'down'}")


def _servers(workers: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """Return the servers that any worker asks; one is up that answers all who asked it."""
    states: dict[str, bool] = {}
    for each in workers:
        for name, is_up in each["servers"].items():
            states[name] = is_up and states.get(name, True)
    return states
