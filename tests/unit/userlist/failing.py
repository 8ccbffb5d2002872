"""Failed logins for tests, counted and forgotten in the places in which the product does."""

from __future__ import annotations

from ualauth.system.networks import Source
from ualauth.userlist.account.lockout import Counts, Failures, Keys
from ualauth.userlist.account.reservation import places_of
from ualauth.userlist.policy import LockoutRules
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore


def count_failure(
    store: UserStore, name: str, user: User | None, source: str, now: int, rules: LockoutRules
) -> Counts:
    """Count one more failed login at `now`, in microseconds; return all that count."""
    places = places_of(Keys.of(name, None if user is None else user.id), (Source(source),), rules)

    def one_more(rows: list[Failures]) -> list[Failures]:
        return [row.one_more(now, rules) for row in rows]

    of_user, of_name = store.change_failures(places, one_more, now)
    return Counts(of_name, of_user)


def forget_failures(store: UserStore, name: str, user: User, source: str) -> None:
    """Forget the failed logins of a user under one name from one source."""
    places = places_of(Keys.of(name, user.id), (Source(source),), LockoutRules())
    store.change_failures(places, lambda rows: [Failures() for _ in rows], 0)
