"""What changed in an OpenLDAP server, by RFC 4533.

What a server says is taken for what it is only where it cannot be a mistake:

* Without a cookie, or if it refuses the one it is asked with, all users are sent; those are gone
  who did not come.
* With a cookie that it can read, and a log that reaches back so far, it names what is gone.
* Else, and if it sends more than half of all users (as with a cookie that it cannot read, and
  whose end looks the same), all identities are listed: those are gone who are not among them.
"""

from __future__ import annotations

from collections.abc import Callable

from ualauth.ldap.client import answers
from ualauth.ldap.client.connection import Reply
from ualauth.ldap.client.content_sync import Changed, Phase, refresh, wait_for_change
from ualauth.ldap.client.operations import Operations
from ualauth.ldap.client.values import LdapEntry, Search
from ualauth.sync.agreement import Agreement
from ualauth.sync.sources.asking import SECONDS, ask
from ualauth.sync.sources.fetched import Fetched, LastRun
from ualauth.sync.sources.reading import (
    group_search,
    list_groups,
    list_identities,
    names_of,
    read_users,
    user_search,
    users_of,
)


async def fetch(on: Operations, agreement: Agreement, last_run: LastRun) -> Fetched:
    """Return the users who changed since the last run, and all groups if anything did."""
    users, is_new = _refresh(on, user_search(agreement), last_run.state.get("users", ""))
    state = {"users": _next_cookie(users, last_run.state.get("users", ""))}
    groups = Changed()
    if agreement.group_base:
        asked = group_search(agreement)._replace(attributes=())
        groups, _ = _refresh(on, asked, last_run.state.get("groups", ""))
        state["groups"] = _next_cookie(groups, last_run.state.get("groups", ""))
    if is_new:
        everything = users_of(agreement, list(users.entries.values()))
        if not agreement.group_base:
            return Fetched(everything, state=state)
        listed = await list_groups(on, agreement, names_of(everything))
        return Fetched(everything, listed, state=state)
    if not (last_run.pending or _says_anything(users) or _says_anything(groups)):
        return Fetched([], gone=frozenset(), state=state)
    gone = frozenset(users.deleted)
    pending = last_run.pending - users.entries.keys() - gone
    names = None
    if not _is_trusted(users, last_run):
        identities, names = await list_identities(on, agreement)
        gone = last_run.linked - identities
        pending = (pending | (identities - last_run.linked)) - users.entries.keys()
    entries: list[LdapEntry] = list(users.entries.values())
    again = await read_users(on, agreement, pending)
    changed = [*users_of(agreement, entries), *again]
    # It was told once that they are gone, and something kept them from being locked.
    gone |= (pending & last_run.linked) - {user.guid for user in again}
    if not agreement.group_base:
        return Fetched(changed, gone=gone, state=state)
    if names is None:
        _, names = await list_identities(on, agreement)
    return Fetched(changed, await list_groups(on, agreement, names), gone, state)


def wait(agreement: Agreement, cookie: str, seconds: float, is_over: Callable[[], bool]) -> bool:
    """Return whether any user changed since a cookie; blocks until one does, or time is over.

    Raises:
        SyncUnavailable: if the server does not answer, or refuses.
        SyncRefused: if the password's file cannot be used.

    """

    async def action(on: Operations) -> bool:
        on.usable = False
        search = user_search(agreement)._replace(attributes=())
        return wait_for_change(on.connection, search, cookie, seconds, is_over)

    return ask(agreement, action)


def _refresh(on: Operations, search: Search, cookie: str) -> tuple[Changed, bool]:
    """Return what changed, and whether that is all there is."""
    on.usable = False
    answer = refresh(on.connection, search, cookie, SECONDS)
    is_new = not cookie
    if isinstance(answer, Reply) and cookie:
        # Too old, of another server, or newer than one that was restored from a backup.
        answer, is_new = refresh(on.connection, search, "", SECONDS), True
    if isinstance(answer, Reply):
        raise answers.unanswered(answer, on.server)
    on.usable = True
    return answer, is_new


def _next_cookie(changed: Changed, before: str) -> str:
    """Return what to ask with the next time: nothing, if that is not known."""
    return changed.cookie or ("" if _says_anything(changed) else before)


def _says_anything(changed: Changed) -> bool:
    return bool(changed.entries or changed.deleted or changed.phase is Phase.PRESENT)


def _is_trusted(changed: Changed, last_run: LastRun) -> bool:
    if not _says_anything(changed):
        return True
    is_few = 2 * len(changed.entries) <= len(last_run.linked)
    return changed.phase is Phase.DELETES and bool(changed.cookie) and is_few
