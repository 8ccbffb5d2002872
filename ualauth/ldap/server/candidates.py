"""Users of whom a filter may hold, as the USERLIST finds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ualauth.ldap.server.filters import Filter
from ualauth.text.folding import fold

if TYPE_CHECKING:
    from ualauth.ldap.server.access import View
    from ualauth.ldap.server.entries import Shape
    from ualauth.userlist.record import User
    from ualauth.userlist.store import UserStore

_PAUSE = 500


def by_authid(store: UserStore, authid: str) -> User | None:
    """Return the user whose authid is the same as this one, in any case."""
    user = store.resolve(authid)
    return user if user is not None and fold(user.authid) == fold(authid) else None


def units(store: UserStore, *, with_hidden: bool) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the mail nodes of users and groups, and all above them: folded -> as written."""
    written = {
        user.name.units for user in store.users() if with_hidden or not user.hidden
    } | {group.or_name.units for group in store.groups.all()}
    nodes: dict[tuple[str, ...], tuple[str, ...]] = {}
    for each in sorted(written):
        for count in range(1, len(each) + 1):
            above = each[:count]
            nodes.setdefault(tuple(map(fold, above)), above)
    return dict(sorted(nodes.items()))


def users(  # noqa: PLR0913 - a search in parts
    store: UserStore,
    shape: Shape,
    view: View,
    wanted: Filter,
    within: tuple[str, ...],
    *,
    is_deep: bool,
) -> Iterator[User | None]:
    """Yield users of whom a filter may hold, and `None` now and then where there are none."""
    yield from store.users()
