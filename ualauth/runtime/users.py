"""What an attempt asks of the application: users of the USERLIST, and what modules share."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ualauth.contract.credentials import NameKind

if TYPE_CHECKING:
    # It brings SQLAlchemy along, which a service without USERLIST does without.
    from ualauth.contract.account import Account, Memberships

T = TypeVar("T")


class Users(Protocol):
    """Who the USERLIST says has a name: `UserCache`, or what stands before it."""

    def recall(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        """Return who has a name of that kind if that is known for sure; MUST NOT wait.

        Raises:
            NoUserlist: if there is none, which may be half a second old.

        """
        ...

    def read(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        """Return the user who has a name of that kind, or `None` if there is none; may block.

        Raises:
            StoreError: if the USERLIST cannot be read.
            NoUserlist: if there is none.

        """
        ...

    def recall_groups(self, account: Any, names: Iterable[str]) -> Memberships | None:  # noqa: ANN401 - of the store
        """Return the groups of a user if they are known for sure; MUST NOT wait.

        `account` is what `recall` or `read` has just returned, and `names` are those of
        `Attempt.get_groups`.
        """
        ...

    def read_groups(self, account: Any, names: Iterable[str]) -> Memberships:  # noqa: ANN401 - likewise
        """Return the groups of a user; arguments are those of `recall_groups`; may block.

        Raises:
            StoreError: if the USERLIST cannot be read.
            NoUserlist: if there is none.

        """
        ...


class NoUserlist(Exception):
    """There is no USERLIST that could have a user."""


class Resources(Protocol):
    """Says what the application shares among modules."""

    def __call__(self, kind: type[T]) -> T:
        """See `Attempt.resource`."""
        ...


class LookedUp(enum.Enum):
    """How the user's record came here during this operation."""

    RECALLED = enum.auto()
    READ = enum.auto()
    NOWHERE = enum.auto()
    """There is no USERLIST."""
