"""A user as a user store has it: what `Attempt.get_record` returns."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from ualauth.contract.identity import Person
from ualauth.text.folding import fold


class Memberships(NamedTuple):
    """The groups of a user, and which of the groups that were asked for do not exist.

    Both are names as `ualauth.text.folding.fold` has them: case does not count.
    """

    groups: frozenset[str]
    """Those that the user is a member of, also by other groups."""
    unknown: frozenset[str]

    def has(self, name: str) -> bool:
        """Return whether the user is in the group of this name."""
        return fold(name) in self.groups

    def lacks(self, name: str) -> bool:
        """Return whether a name that was asked for is that of no group."""
        return fold(name) in self.unknown


class Account(Protocol):
    """A user, and what a module may know of the user without knowing the store.

    The USERLIST's is `ualauth.userlist.cache.Account`. Another store has its own
    kind; what only the modules of that store use is no business of this protocol.
    """

    @property
    def user(self) -> Any:  # noqa: ANN401 - of the store
        """The store's own record; it has at least an `authid`."""
        ...

    @property
    def person(self) -> Person:
        """Whom a module may vouch for that verified this user."""
        ...

    @property
    def stale(self) -> bool:
        """Whether the store could not be asked: then only a remembered password counts."""
        ...

    @property
    def login_due(self) -> float:
        """When the store wants to be told of a login again (`time.monotonic`)."""
        ...
