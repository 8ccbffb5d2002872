"""Searches: the entries below a base, one after the other, within limits.

The USERLIST is asked for users of whom a filter may hold (`candidates`), some at a time; each is
then looked at as an entry, by the whole filter. So what the database can tell makes a search
quick, and never decides what is found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ualauth.ldap.server import candidates, dn
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
from ualauth.ldap.server.matching import Test, compiled
from ualauth.ldap.server.messages import SUCCESS, Result
from ualauth.ldap.server.results import Refusal, ResultCode
from ualauth.ldap.server.schema import SUBSCHEMA, AttributeType
from ualauth.ldap.server.tree import GroupAt, GroupsOf, Unit, UserAt, units_of

if TYPE_CHECKING:
    from ualauth.ldap.server.access import View
    from ualauth.ldap.server.lookup import Lookup

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
    """What is below the base; `None` where none was found for a while."""
    test: Test
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
            if entry is None or not self.test(entry):
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
    test = compiled(request.filter, shape.schema, is_visible)
    return Cursor(
        _entries(directory, view, request),
        test,
        selection(request.attributes, shape.schema, is_visible),
        request,
        view,
        min(limits, default=-1),
        seconds,
    )


def _entries(directory: Lookup, view: View, request: m.Search) -> Iterator[Entry | None]:
    base, scope = request.base, request.scope
    if base.replace(" ", "").lower() == SUBSCHEMA.lower():
        schema = PlainEntry(SUBSCHEMA, directory.shape.schema.describe())
        return iter([schema] if scope in {_BASE, _SUBTREE} else [])
    if view.is_anonymous:
        raise Refusal(ResultCode.NO_SUCH_OBJECT)
    if not base:
        # All that is below the root DSE is below the suffix.
        base, scope = directory.tree.suffix, _BASE if scope == _ONE else scope
    try:
        place = directory.tree.place(dn.parse(base))
    except dn.NotAName:
        raise Refusal(ResultCode.INVALID_DN_SYNTAX, "this is no name of an entry") from None
    entry = directory.entry(view, base)
    if scope == _BASE:
        return iter([entry])
    own: list[Entry] = [entry] if scope == _SUBTREE else []
    if isinstance(place, UserAt | GroupAt):
        return iter(own)
    return _below(directory, view, request, place, own, is_deep=scope != _ONE)


def _below(  # noqa: PLR0913 - a search in parts
    directory: Lookup,
    view: View,
    request: m.Search,
    place: Unit | GroupsOf | None,
    own: list[Entry],
    *,
    is_deep: bool,
) -> Iterator[Entry | None]:
    """Yield the entries below a mail node, or below what holds its groups."""
    yield from own
    if isinstance(place, GroupsOf):
        yield from _groups(directory, view, place.units, is_deep=False)
        # A mail node may have the same name.
        units: tuple[str, ...] = (*place.units, "groups")
    else:
        units = place.units if place is not None else ()
        yield from _containers(directory, view, units, is_deep=is_deep)
        if is_deep:
            yield from _groups(directory, view, units, is_deep=True)
        elif (written := directory.groups_of(view, units)) is not None:
            yield groups_entry(directory.tree, written)
    shape = directory.shape
    for user in candidates.users(directory.store, shape, request.filter):
        if user is None:
            yield None
        elif view.sees(user) and _is_in(units_of(user.name), units, is_deep=is_deep):
            yield UserEntry(shape, user)


def _is_in(own: tuple[str, ...], units: tuple[str, ...], *, is_deep: bool) -> bool:
    return own[: len(units)] == units if is_deep else own == units


def _containers(
    directory: Lookup, view: View, units: tuple[str, ...], *, is_deep: bool
) -> Iterator[Entry]:
    for folded, written in directory.units(view).items():
        below = len(folded) - len(units)
        if below < 1 or folded[: len(units)] != units or (below > 1 and not is_deep):
            continue
        yield unit_entry(directory.tree, written)


def _groups(
    directory: Lookup, view: View, units: tuple[str, ...], *, is_deep: bool
) -> Iterator[Entry]:
    """Yield groups, and before the first of a mail node what is above them."""
    told: set[tuple[str, ...]] = set()
    for group in directory.store.groups.all():
        own = units_of(group.or_name)
        if not view.sees_group(group) or not _is_in(own, units, is_deep=is_deep):
            continue
        if is_deep and own not in told:
            told.add(own)
            yield groups_entry(directory.tree, group.or_name.units)
        entry: GroupEntry = directory.group_entry(view, group)
        yield entry
