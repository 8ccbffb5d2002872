"""What changed in Active Directory: a domain controller says whether, and what is read anew.

Neither of its two ways says all: a user who leaves the filter, or whose OU is moved, did not
change. So if anything changed, all identities are listed, those are gone who are not among them,
and those are read who changed or are new. If nothing changed, no entry is asked for.

Numbers and cookies are of one domain controller, as it was started: with another one, or one that
was restored, all is read.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence

from ualauth.ldap.client import answers, dn
from ualauth.ldap.client.blocking import BLOCKING
from ualauth.ldap.client.connection import Control
from ualauth.ldap.client.controls import DIRSYNC, dirsync, dirsync_answer
from ualauth.ldap.client.faults import Unanswered
from ualauth.ldap.client.operations import Operations
from ualauth.ldap.client.values import LdapEntry, Scope, Search
from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.mapping import guid_of
from ualauth.sync.sources import full
from ualauth.sync.sources.asking import SECONDS
from ualauth.sync.sources.fetched import Fetched, LastRun
from ualauth.sync.sources.reading import (
    group_attributes,
    list_groups,
    list_identities,
    read_users,
    user_attributes,
    user_search,
)

log = logging.getLogger("ualauth.sync")

_OCTETS = 1 << 20
"""Of one answer; Windows sends fewer entries than that holds."""
_OLDEST = 50 * 86_400
"""Seconds: before that, what was deleted may be forgotten (tombstones live for 60 days or more)."""
_ALWAYS = ("name", "parentGUID", "isDeleted")
"""Without these, DirSync keeps quiet of entries that were renamed, moved or deleted."""
_TESTED = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]*)[^=()]*=")
"""The attributes of a filter (RFC 4515)."""


async def fetch(on: Operations, agreement: Agreement, last_run: LastRun) -> Fetched:
    """Return the users who changed since the last run, and all groups if anything did."""
    root = await _root(on)
    state = {
        "server": await _server(on, root),
        "usn": _text(root, "highestCommittedUSN"),
        "at": str(int(time.time())),
    }
    last = last_run.state
    age = int(state["at"]) - int(last.get("at", "0"))
    is_new = (
        last.get("server") != state["server"]
        # Of the future is what a clock that was wrong left, ...
        or not 0 <= age <= _OLDEST
        # ... or a controller that was put back, without being told so, to what it was.
        or int(state["usn"]) < int(last.get("usn", "0"))
    )
    if agreement.source is Source.AD_DIRSYNC:
        cookie = "" if is_new else last.get("cookie", "")
        changed, state["cookie"], is_new = await _dirsync_or_all(on, agreement, root, cookie)
        nothing = not changed
    else:
        nothing = last.get("usn") == state["usn"]
        changed = frozenset()
        if not is_new and not nothing:
            changed = await _since(on, agreement, int(last["usn"]))
    if is_new:
        everything = await full.fetch(on, agreement, last_run)
        return Fetched(everything.users, everything.groups, state=state)
    if nothing and not last_run.pending:
        return Fetched([], gone=frozenset(), state=state)
    identities, names = await list_identities(on, agreement)
    wanted = (changed | last_run.pending | (identities - last_run.linked)) & identities
    users = await read_users(on, agreement, wanted)
    groups = await list_groups(on, agreement, names) if agreement.group_base else None
    return Fetched(users, groups, last_run.linked - identities, state)


async def _root(on: Operations) -> LdapEntry:
    names = ("dsServiceName", "highestCommittedUSN", "namingContexts")
    entries = await on.search(BLOCKING, Search("", attributes=names))
    if not entries:
        raise SyncUnavailable("the server has no root DSE: is it a domain controller?")
    return entries[0]


def _text(entry: LdapEntry, name: str) -> str:
    text = entry.text(name)
    if not text:
        raise SyncUnavailable(f"the server shows no {name}: is it a domain controller?")
    return text


async def _server(on: Operations, root: LdapEntry) -> str:
    """Return what a domain controller is, which changes when it is restored."""
    service = _text(root, "dsServiceName")
    entries = await on.search(BLOCKING, Search(service, attributes=("invocationId",)))
    values = entries[0].attributes.of("invocationId") if entries else ()
    if not values:
        raise SyncUnavailable(f"{service} shows no invocationId to the bind DN")
    return f"{service} {values[0].hex()}"


async def _since(on: Operations, agreement: Agreement, number: int) -> frozenset[str]:
    search = user_search(agreement)
    text = f"(&{search.filter_text}(uSNChanged>={number + 1}))"
    asked = search._replace(filter_text=text, attributes=["objectGUID"])
    return _guids(agreement, await on.search(BLOCKING, asked))


async def _dirsync_or_all(
    on: Operations, agreement: Agreement, root: LdapEntry, cookie: str
) -> tuple[frozenset[str], str, bool]:
    """Return what changed since a cookie, the next cookie, and whether that is all there is."""
    if cookie:
        try:
            return *await _dirsync(on, agreement, root, bytes.fromhex(cookie)), False
        except (Unanswered, ValueError):
            # It cannot be read; if it is the right that lacks, that is refused without it, too.
            log.warning("agreement %s: the cookie is refused: all is read", agreement.name)
    return *await _dirsync(on, agreement, root, b""), True


async def _dirsync(
    on: Operations, agreement: Agreement, root: LdapEntry, cookie: bytes
) -> tuple[frozenset[str], str]:
    """Return what changed since a cookie, and the next cookie."""
    attributes = {*_ALWAYS, *user_attributes(agreement).values()}
    attributes |= _tested_by(user_search(agreement).filter_text)
    if agreement.group_base:
        attributes |= {each.partition(";")[0] for each in group_attributes(agreement).values()}
        attributes |= _tested_by(agreement.group_filter)
    # It knows no scope but all of a naming context. Of all classes: an OU takes its users along.
    search = Search(
        _naming_context(agreement.base, root.texts("namingContexts")),
        Scope.SUBTREE,
        "(objectClass=*)",
        sorted(attributes),
        0,
    )
    changed: frozenset[str] = frozenset()
    while True:
        controls: Sequence[Control] = ((DIRSYNC, dirsync(_OCTETS, cookie)),)
        on.usable = False
        reply = await on.connection.search(BLOCKING, search, controls, SECONDS)
        on.usable = True
        if reply.code != answers.SUCCESS:
            raise answers.unanswered(reply, on.server)
        if DIRSYNC not in reply.controls:
            raise SyncUnavailable("the server does not know DirSync: is it a domain controller?")
        before = cookie
        more, cookie = dirsync_answer(reply.controls[DIRSYNC])
        changed |= _guids(agreement, [entry for entry in reply.entries if entry.dn])
        if not more:
            return changed, cookie.hex()
        if cookie == before:
            raise SyncUnavailable("the server says that there is more, and not how to ask for it")


def _tested_by(text: str) -> set[str]:
    """Return the attributes whose change may decide whether an entry meets a filter."""
    tested = set(_TESTED.findall(text))
    # It is computed: what changes is the group.
    return tested | ({"member"} if "memberof" in {each.lower() for each in tested} else set())


def _naming_context(base: str, contexts: Sequence[str]) -> str:
    key = dn.key(base)
    above = [each for each in contexts if key == dn.key(each) or key.endswith("," + dn.key(each))]
    if not above:
        raise SyncUnavailable(f"the server has no naming context with {base}")
    return max(above, key=len)


def _guids(agreement: Agreement, entries: Sequence[LdapEntry]) -> frozenset[str]:
    known = [guid_of(entry, agreement.product) for entry in entries]
    guids = frozenset(guid for guid in known if guid is not None)
    if None in known:
        raise SyncUnavailable("an entry shows no objectGUID to the bind DN")
    return guids
