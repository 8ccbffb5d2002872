"""Counts what is remembered of users, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ualauth.contract.credentials import NameKind
from ualauth.metrics.families import CACHE
from ualauth.userlist.cache import Account, UserCache

if TYPE_CHECKING:
    from ualauth.metrics.events import Event
    from ualauth.metrics.metrics import Metrics


def _event(name: str) -> Event:
    return (CACHE, (name,), 1.0, "", (), 0.0)


_RECORD_HIT, _RECORD_MISS = _event("record_hit"), _event("record_miss")
_PASSWORD_HIT, _PASSWORD_MISS = _event("password_hit"), _event("password_miss")


def counting(kind: type[UserCache], metrics: Metrics) -> type[UserCache]:
    """Return a subclass that counts."""
    append, recall, knows = metrics.events.append, kind.recall, kind.knows

    class CountingCache(kind):  # type: ignore[misc, valid-type]  # a class that is not known before
        """The USERLIST, read through what is remembered of it, and counted."""

        def recall(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
            """See `UserCache.recall`."""
            account = recall(self, name, kind)
            append(_RECORD_MISS if account is None else _RECORD_HIT)
            return account

        def knows(self, account: Account, password: str) -> bool:
            """See `UserCache.knows`."""
            known = knows(self, account, password)
            append(_PASSWORD_HIT if known else _PASSWORD_MISS)
            return known

    return CountingCache
