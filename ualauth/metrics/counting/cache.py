"""Counts what is remembered of users, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ualauth.contract.computation import Computation
from ualauth.contract.credentials import NameKind
from ualauth.metrics.families import CACHE, FAMILIES
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.record import User
from ualauth.userlist.verifications import Verifications

if TYPE_CHECKING:
    from ualauth.metrics.metrics import Metrics


def counting(  # noqa: C901 - a method for each event
    kind: type[UserCache], metrics: Metrics
) -> type[UserCache]:
    """Return a subclass that counts."""
    count, recall, knows = metrics.events.count, kind.recall, kind.knows
    record_hit, record_miss, password_hit, password_miss = (
        metrics.events.amount(CACHE, event) for event in FAMILIES[CACHE].values
    )

    class CountingVerifications(Verifications):
        """Verifications that are in flight: each is of a password that was not remembered."""

        def join(
            self, user: User | None, name: str, password: str, *, null_allowed: bool
        ) -> tuple[Computation, bool]:
            """See `Verifications.join`."""
            count(password_miss)
            return super().join(user, name, password, null_allowed=null_allowed)

    class CountingCache(kind):  # type: ignore[misc, valid-type]  # a class that is not known before
        """The USERLIST, read through what is remembered of it, and counted."""

        def __init__(self, *args: Any) -> None:  # noqa: ANN401 - as `UserCache` takes them
            """Begin with nothing remembered."""
            super().__init__(*args)
            self.verifications = CountingVerifications()

        def recall(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
            """See `UserCache.recall`."""
            account = recall(self, name, kind)
            if account is not None:
                count(record_hit)
            return account

        def read(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
            """See `UserCache.read`."""
            count(record_miss)
            account: Account | None = super().read(name, kind)
            return account

        def knows(self, account: Account, password: str) -> bool:
            """See `UserCache.knows`."""
            known = knows(self, account, password)
            if known:
                count(password_hit)
            return known

        def note_recalled(self, times: int) -> None:
            """See `UserCache.note_recalled`."""
            for _ in range(times):
                count(record_hit)

        def note_repeated(self) -> None:
            """See `UserCache.note_repeated`."""
            count(password_hit)

    return CountingCache
