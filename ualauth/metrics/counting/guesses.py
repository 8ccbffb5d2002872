"""Counts names and users that are locked out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ualauth.metrics.families import FAMILIES, LOCKOUTS
from ualauth.userlist.account.lockout import Failures
from ualauth.userlist.account.reservation import Place
from ualauth.userlist.failure_counts import FailureCounts, Work
from ualauth.userlist.guesses import GuessLimiter

if TYPE_CHECKING:
    from ualauth.metrics.metrics import Metrics


def counting(kind: type[GuessLimiter], metrics: Metrics) -> type[GuessLimiter]:
    """Return a subclass that counts."""
    events = metrics.events
    kinds = {each: events.amount(LOCKOUTS, each) for each in FAMILIES[LOCKOUTS].values}

    class CountingCounts(FailureCounts):
        """Counts of failed logins, of which those are counted that begin to lock out."""

        def change(
            self, places: Sequence[Place], work: Work, now: int, *, offline: bool = False
        ) -> list[Failures] | None:
            """See `FailureCounts.change`."""
            after: list[Failures] | None = self._counted(
                super().change, places, work, now, offline=offline
            )
            return after

        def change_here(
            self, places: Sequence[Place], work: Work, now: int, *, offline: bool = False
        ) -> list[Failures]:
            """See `FailureCounts.change_here`."""
            after: list[Failures] = self._counted(
                super().change_here, places, work, now, offline=offline
            )
            return after

        def _counted(
            self,
            change: Callable[..., Any],
            places: Sequence[Place],
            work: Work,
            now: int,
            *,
            offline: bool,
        ) -> Any:  # noqa: ANN401 - what `change` returns
            before: list[Failures] = []

            def noting(rows: list[Failures]) -> list[Failures]:
                # A database may ask for it once more.
                before[:] = rows
                return work(rows)

            after = change(places, noting, now, offline=offline)
            if after is not None:
                locked_out = {
                    "name" if place.by_name else "user"
                    for old, new, place in zip(before, after, places, strict=True)
                    if new.is_locked(now) and not old.is_locked(now)
                }
                for each in locked_out:
                    events.add(kinds[each], 1.0)
            return after

    class CountingLimiter(kind):  # type: ignore[misc, valid-type]  # a class that is not known before
        """The guesses of all users, and those that lock out are counted."""

        counts_kind = CountingCounts

    return CountingLimiter
