"""Names of users that are like one that no user has: the administrator may have meant one.

The names are looked at that stand beside it in the index of login names, by its beginnings: a
fixed number, however many users there are.
"""

from __future__ import annotations

import difflib
from functools import cache

from sqlalchemy import Select, bindparam, select

from ualauth.text.folding import fold
from ualauth.userlist.database.database import Database
from ualauth.userlist.database.tables import login_names, users

_MOST = 3
_LOOKED_AT = 500
"""Names that are looked at from each place in the index on."""
_CUTOFF = 0.6
"""That of `difflib.get_close_matches`."""


@cache
def _names_from() -> Select[tuple[str, str]]:
    """Return the question for login names from `:start` on, and the authids of their users."""
    return (
        select(login_names.c.key, users.c.authid)
        .join(users, users.c.id == login_names.c.user_id)
        .where(login_names.c.key >= bindparam("start"))
        .order_by(login_names.c.key)
        .limit(_LOOKED_AT)
    )


def near_names(database: Database, key: str) -> list[str]:
    """Return up to three authids or addresses like a folded name, the most like it first."""
    authids: dict[str, str] = {}
    places = len(key) * 2 // 3, len(key) // 3, 1, 0
    for start in dict.fromkeys(key[:place] for place in places):
        rows = database.read(_names_from(), {"start": start})
        authids |= {str(name): str(authid) for name, authid in rows}
    ranked = sorted((-_likeness(key, name), name) for name in authids)
    # A user has several names, and is told of once.
    near: dict[str, str] = {}
    for likeness, name in ranked:
        if likeness:
            authid = authids[name]
            near.setdefault(authid, authid if fold(authid) == name else name)
    return list(near.values())[:_MOST]


def _likeness(wanted: str, name: str) -> float:
    """Return how like two names are, up to 1; 0 if that is too little.

    Of addresses both parts count, each for itself: most have their domain in common.
    """
    local, at, domain = wanted.partition("@")
    own, _, own_domain = name.partition("@")
    likeness = _ratio(local, own)
    return min(likeness, _ratio(domain, own_domain)) if likeness and at else likeness


def _ratio(wanted: str, text: str) -> float:
    matcher = difflib.SequenceMatcher(None, text, wanted)
    # As `difflib.get_close_matches`: what takes longer is asked last.
    for ratio in (matcher.real_quick_ratio, matcher.quick_ratio):
        if ratio() < _CUTOFF:
            return 0.0
    return likeness if (likeness := matcher.ratio()) >= _CUTOFF else 0.0
