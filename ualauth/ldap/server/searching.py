"""Searches: the entries below a base, one after the other, within limits.

The USERLIST searches its users and groups itself (`ualauth.userlist.search`), page by page, by
what a filter asks of them (`translation`). Between pages, limits are looked at, and an operation
that is given up ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ualauth.ldap.server import dn
from ualauth.ldap.server import messages as m
from ualauth.ldap.server.entries import (
    Entry,
    GroupEntry,
    PlainEntry,
    UserEntry,
    encode,
    groups_entry,
    selection,
    unit_entry,
)
from ualauth.ldap.server.membership import members
from ualauth.ldap.server.messages import SUCCESS, Result
from ualauth.ldap.server.results import Refusal, ResultCode
from ualauth.ldap.server.schema import SUBSCHEMA, AttributeType
from ualauth.ldap.server.sources import OF_UNITS
from ualauth.ldap.server.translation import FALSE, UNDEFINED, Source, condition_of
from ualauth.ldap.server.tree import GROUPS, GroupAt, GroupsOf, Unit, UserAt
from ualauth.userlist.group_record import Group
from ualauth.userlist.record import User
from ualauth.userlist.search import Kind, Scope, Search

if TYPE_CHECKING:
    from ualauth.ldap.server.access import View
    from ualauth.ldap.server.lookup import Lookup
    from ualauth.userlist.conditions import Condition

_BASE, _ONE, _SUBTREE, _BELOW = range(4)
_SLICE = 0.25
"""Seconds after which a call returns what it has, so that others are served in between."""


class Found(NamedTuple):
    """Some entries of a search, encoded; with a `cursor` there may be more."""

    entries: list[bytes]
    cursor: Cursor | None
    result: Result = SUCCESS


@dataclass(slots=True)
class Cursor:
    """How far a search is; it belongs to one client, and to one call at a time."""

    entries: Iterator[Entry | None]
    """The hits, one after the other; `None` between pages of the USERLIST."""
    types: tuple[AttributeType, ...]
    request: m.Search
    view: View
    left: int
    """Entries that may still be returned; -1 without a limit."""
    seconds: float
    """For one message."""
    number: int = -1
    deadline: float = 0.0

    def next(self, view: View, number: int, most: int) -> Found:
        """Return the next entries, at most `most`; `view` is what the client sees now.

        Raises:
            Refusal: if the client sees something else by now than when the search began.

        """
        if view.scope != self.view.scope:
            text = "what the user sees has changed: search anew"
            raise Refusal(ResultCode.UNWILLING_TO_PERFORM, text)
        now = time.monotonic()
        if number != self.number:
            self.number, self.deadline = number, now + self.seconds
        pause = now + _SLICE
        encoded: list[bytes] = []
        while len(encoded) < most:
            now = time.monotonic()
            if now > self.deadline:
                return Found(encoded, None, Result(ResultCode.TIME_LIMIT_EXCEEDED))
            if now > pause:
                return Found(encoded, self)
            entry = next(self.entries, _END)
            if entry is _END:
                return Found(encoded, None)
            if entry is None:
                continue
            if self.left == 0:
                return Found(encoded, None, Result(ResultCode.SIZE_LIMIT_EXCEEDED))
            self.left -= 1
            encoded.append(encode(number, entry, self.types, self.request))
        return Found(encoded, self)


_END = PlainEntry("", {})


def begin(directory: Lookup, view: View, request: m.Search) -> Cursor:
    """Return the cursor of a search.

    Raises:
        Refusal: if there is no base that the client sees.

    """
    shape = directory.shape
    is_visible = shape.is_visible(to_administrators=view.is_administrator)
    settings = directory.settings
    limits = [] if view.is_administrator else [settings.size_limit]
    limits += [request.size_limit] if request.size_limit else []
    seconds = settings.time_limit
    if request.time_limit:
        seconds = min(seconds, request.time_limit)
    return Cursor(
        _Hits(directory, view, request, is_visible).entries(),
        selection(request.attributes, shape.schema, is_visible),
        request,
        view,
        min(limits, default=-1),
        seconds,
    )


@dataclass(frozen=True, slots=True)
class _Hits:
    """What one client searches."""

    directory: Lookup
    view: View
    request: m.Search
    is_visible: Callable[[str], bool]

    def entries(self) -> Iterator[Entry | None]:
        """Return the hits; see `begin`."""
        base, scope = self.request.base, self.request.scope
        directory, view = self.directory, self.view
        if base.replace(" ", "").lower() == SUBSCHEMA.lower():
            schema = PlainEntry(SUBSCHEMA, directory.shape.schema.describe())
            return self._fitting([schema] if scope in {_BASE, _SUBTREE} else [])
        if view.is_empty:
            raise Refusal(ResultCode.NO_SUCH_OBJECT)
        if not base:
            # All that is below the root DSE is below the top.
            base, scope = directory.top(view), _BASE if scope == _ONE else scope
        try:
            name = dn.parse(base)
        except dn.NotAName:
            raise Refusal(ResultCode.INVALID_DN_SYNTAX, "this is no name of an entry") from None
        place = directory.tree.place(name)
        own = [directory.entry_at(view, name, place)]
        if scope in {_ONE, _BELOW}:
            own = []
        if scope == _BASE or isinstance(place, UserAt | GroupAt):
            return self._fitting(own)
        below = self._below(place, Scope.ONE if scope == _ONE else Scope.SUB)
        return chain(self._fitting(own), below)

    def _below(self, place: Unit | GroupsOf | None, scope: Scope) -> Iterator[Entry | None]:
        """Yield the hits below a mail node, or below what holds its groups."""
        units = place.units if place is not None else ()
        if isinstance(place, GroupsOf):
            yield from self._groups(units, Scope.ONE)
            # A mail node may have the same name.
            units = (*units, GROUPS)
        yield from self._containers(units, scope)
        if scope is Scope.SUB:
            yield from self._groups(units, scope)
        yield from self._users(units, scope)

    def _containers(self, units: tuple[str, ...], scope: Scope) -> Iterator[Entry]:
        """Yield the mail nodes below one, and what holds groups there."""
        if self._asked(OF_UNITS) in {FALSE, UNDEFINED}:
            return
        directory, view, count = self.directory, self.view, len(units)
        below = {
            folded: written
            for folded, written in directory.units(view).items()
            if folded[:count] == units
            and len(folded) > count
            and (scope is Scope.SUB or len(folded) == count + 1)
        }
        yield from self._fitting(unit_entry(directory.tree, each) for each in below.values())
        holders = [units, *below] if scope is Scope.SUB else [units]
        yield from self._fitting(
            groups_entry(directory.tree, written)
            for each in holders
            if (written := directory.groups_of(view, each)) is not None
        )

    def _groups(self, units: tuple[str, ...], scope: Scope) -> Iterator[Entry | None]:
        directory, view = self.directory, self.view
        asked = self._asked(self._of_groups())
        wanted = Search(condition=asked, kind=Kind.GROUPS, units=units, scope=scope)
        for page in view.store.search(wanted):
            for group in page.hits:
                if isinstance(group, Group) and view.sees_group(group):
                    yield directory.group_entry(view, group)
            yield None

    def _users(self, units: tuple[str, ...], scope: Scope) -> Iterator[Entry | None]:
        shape = self.directory.shape
        wanted = Search(condition=self._asked(shape.of_users), units=units, scope=scope)
        for page in self.view.store.search(wanted):
            for user in page.hits:
                if isinstance(user, User) and self.view.sees(user):
                    yield UserEntry(shape, user)
            yield None

    def _fitting(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield those of some entries of which the filter holds."""
        shape, store = self.directory.shape, self.view.store
        for entry in entries:
            if isinstance(entry, UserEntry):
                fits = store.holds(self._asked(shape.of_users), entry.user)
            elif isinstance(entry, GroupEntry):
                fits = store.holds(self._asked(self._of_groups()), entry.group)
            else:
                fits = entry.fits(self.request.filter, shape.schema, self.is_visible)
            if fits:
                yield entry

    def _of_groups(self) -> Mapping[str, Source]:
        return {
            **self.directory.shape.of_groups,
            "member": members(self.directory, self.view),
        }

    def _asked(self, sources: Mapping[str, Source]) -> Condition:
        """Return what the filter asks of entries with some attributes."""
        return condition_of(
            self.request.filter, self.directory.shape.schema, self.is_visible, sources
        )
