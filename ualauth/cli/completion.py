"""What a shell completes: names of services, users and mechanisms.

Nothing is said of what cannot be read: the command itself does that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from itertools import islice

import click
from click.shell_completion import CompletionItem

from ualauth.cli.invocation import Invocation
from ualauth.errors import UalauthError

_MOST_USERS = 5000
"""Users that are looked at."""
_MOST_SHOWN = 100


def services(context: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the services that have a file."""
    with contextlib.suppress(UalauthError, OSError):
        return _items(_invocation(context).base.services.folder.services(), start)
    return []


def users(context: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the authids of users; of a large USERLIST, some."""
    with contextlib.suppress(UalauthError, OSError):
        invocation = _invocation(context)
        if invocation.config.has_userlist:
            every = islice(invocation.store.users(), _MOST_USERS)
            return _items((user.authid for user in every), start)
    return []


def mechanisms(
    _context: click.Context, _param: click.Parameter, start: str
) -> list[CompletionItem]:
    """Return the names of the SASL mechanisms."""
    from ualauth.sasl.registry import names  # noqa: PLC0415 - for the shell only

    return _items(names(), start.upper())


def _invocation(context: click.Context) -> Invocation:
    # A shell completes before the commands that stand before have run.
    if isinstance(context.obj, Invocation):
        return context.obj
    return Invocation(context.find_root().params.get("config_dir"))


def _items(names: Iterable[str], start: str) -> list[CompletionItem]:
    fitting = (name for name in names if name.startswith(start))
    return [CompletionItem(name) for name in islice(fitting, _MOST_SHOWN)]
