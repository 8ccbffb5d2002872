"""All kinds of sources, by their names."""

from __future__ import annotations

from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.sources.asking import ask
from ualauth.sync.sources.fetched import Fetched, Known


def fetch(agreement: Agreement, known: Known) -> Fetched:
    """Return what a directory has, or what changed in it; blocks.

    Raises:
        SyncUnavailable: if it was not read to its end.
        SyncRefused: if it cannot be asked like that.

    """
    # Each is imported when it is needed: some need python-ldap.
    match agreement.source:
        case Source.FULL:
            from ualauth.sync.sources import full as source  # noqa: PLC0415
        case Source.SYNCREPL:
            from ualauth.sync.sources import syncrepl as source  # type: ignore[no-redef]  # noqa: PLC0415
        case Source.AD_DIRSYNC | Source.AD_USN:
            from ualauth.sync.sources import active_directory as source  # type: ignore[no-redef]  # noqa: PLC0415
    return ask(agreement, lambda on: source.fetch(on, agreement, known))
