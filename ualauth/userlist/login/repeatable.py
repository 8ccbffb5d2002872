"""On what a success of om_auth depends, beside the login and the user's record.

Each is asked anew at every login that repeats another: what is counted of failures, and the
clocks, as om_auth itself would ask them.
"""

from __future__ import annotations

from functools import partial
from time import monotonic

from ualauth.contract.attempt import Attempt
from ualauth.contract.module import ALWAYS, Repeatable
from ualauth.system.networks import source_of
from ualauth.userlist.account.lockout import Keys
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.login.account import is_unremarkable, is_unremarkable_now


def password_repeatable(attempt: Attempt, account: Account, password: str) -> Repeatable | None:
    """Return until when a password is remembered as verified, while nothing fails beside it."""
    cache = attempt.resource(UserCache)
    until = cache.verified_until(account, password)
    if until is None or account.stale:
        return None
    if not account.policy.lockout.failures:
        return Repeatable(lambda: monotonic() < until, cache.note_repeated)
    name, rhost = attempt.login_name, attempt.rhost
    guesses, source = cache.guesses, source_of(rhost)
    keys = Keys.of(name or "", account.user.id)
    has_no_failures = cache.has_no_failures

    def is_still_known() -> bool:
        return (
            monotonic() < until
            and (guesses.is_quiet or not guesses.concerns(keys, rhost))
            and has_no_failures(account, name, source)
        )

    return Repeatable(is_still_known, cache.note_repeated)


def account_repeatable(attempt: Attempt, account: Account) -> Repeatable | None:
    """Return that nothing restricts an account, and that there is nothing to say; now, or ever."""
    if not is_unremarkable(attempt, account):
        return None
    if account.always:
        return ALWAYS
    return Repeatable(
        partial(is_unremarkable_now, account, attempt.service, attempt.rhost, attempt.mechanism)
    )
