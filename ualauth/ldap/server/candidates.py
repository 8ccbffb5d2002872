"""Users of whom a filter may hold, as the USERLIST finds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ualauth.ldap.server.filters import And, Equality, Filter, Or
from ualauth.ldap.server.matching import text_of
from ualauth.ldap.server.schema import ALIASES
from ualauth.text.folding import fold

if TYPE_CHECKING:
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
    written = {user.name.units for user in store.users() if with_hidden or not user.hidden} | {
        group.or_name.units for group in store.groups.all()
    }
    nodes: dict[tuple[str, ...], tuple[str, ...]] = {}
    for each in sorted(written):
        for count in range(1, len(each) + 1):
            above = each[:count]
            nodes.setdefault(tuple(map(fold, above)), above)
    return dict(sorted(nodes.items()))


def users(store: UserStore, shape: Shape, wanted: Filter) -> Iterator[User | None]:
    """Yield users of whom a filter may hold, and `None` now and then where there are none."""
    keys = exact_keys(wanted, shape.fields)
    if keys is None:
        yield from store.users()
        return
    known: set[int] = set()
    for key in sorted(keys):
        # An authid or an address: whatever else the name may mean is not asked for.
        user = store.resolve(key)
        if user is not None and user.id not in known:
            known.add(user.id)
            yield user


def exact_keys(wanted: Filter, fields: Mapping[str, str]) -> frozenset[str] | None:
    """Return authids and addresses of which users must have one; `None` if that is not known."""
    match wanted:
        case And(items):
            some = [keys for each in items if (keys := exact_keys(each, fields)) is not None]
            return min(some, key=len) if some else None
        case Or(items):
            all_keys = [exact_keys(each, fields) for each in items]
            if None in all_keys:
                return None
            return frozenset().union(*(keys for keys in all_keys if keys is not None))
        case Equality(attribute, value):
            key = attribute.lower()
            field = fields.get(ALIASES.get(key, key))
            text = text_of(value)
            if field in {"authid", "addresses"} and text is not None:
                return frozenset({text})
            return None
        case _:
            return None
