"""All entries of a directory, page by page: they count only if all came, and success was said."""

from __future__ import annotations

from ualauth.ldap.client.operations import Operations
from ualauth.sync.agreement import Agreement
from ualauth.sync.sources.fetched import Fetched, LastRun
from ualauth.sync.sources.reading import list_groups, list_users, names_of


async def fetch(on: Operations, agreement: Agreement, _last_run: LastRun) -> Fetched:
    """Return all users and groups, as the directory has them now."""
    users = await list_users(on, agreement)
    if not agreement.group_base:
        return Fetched(users)
    return Fetched(users, await list_groups(on, agreement, names_of(users)))
