"""What a source knows before it asks, and what it brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ualauth.sync.mapping import RemoteGroup, RemoteUser


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the last run left; without a `state`, all has to be read."""

    state: Mapping[str, str] = field(default_factory=dict)
    """What the source wanted to be kept: cookies, numbers."""
    pending: frozenset[str] = frozenset()
    """The guids of entries that were in conflict, and are looked at again."""
    linked: frozenset[str] = frozenset()
    """The guids of users whose entries were there."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The users and groups that came; `groups` are all of them, or `None` if none was asked for.

    `gone` are the guids of entries that are gone; `None` says that all users came, so that those
    are gone who did not come. `state` is kept once all of it is applied.
    """

    users: Sequence[RemoteUser]
    groups: Sequence[RemoteGroup] | None = None
    gone: frozenset[str] | None = None
    state: Mapping[str, str] = field(default_factory=dict)
