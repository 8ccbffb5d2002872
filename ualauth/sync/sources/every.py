"""All kinds of sources, by their names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ualauth.ldap.client.operations import Operations
from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.sources.asking import ask
from ualauth.sync.sources.fetched import Fetched, LastRun


def fetch(agreement: Agreement, last_run: LastRun) -> Fetched:
    """Return what a directory has, or what changed in it; blocks.

    Raises:
        SyncUnavailable: if it was not read to its end.
        SyncRefused: if it cannot be asked like that.

    """
    # Not before there is a connection: who lacks a library is told so.
    return ask(agreement, lambda on: _way_of(agreement.source)(on, agreement, last_run))


def _way_of(source: Source) -> Callable[[Operations, Agreement, LastRun], Awaitable[Fetched]]:
    """Return what asks; each is imported when it is needed: some need python-ldap."""
    if source is Source.FULL:
        from ualauth.sync.sources import full  # noqa: PLC0415 - as above

        return full.fetch
    if source is Source.SYNCREPL:
        from ualauth.sync.sources import syncrepl  # noqa: PLC0415 - likewise

        return syncrepl.fetch
    from ualauth.sync.sources import active_directory  # noqa: PLC0415 - likewise

    return active_directory.fetch
