"""What the comparison of a password amounts to, with the logins that failed before.

Whoever is locked out is refused whatever the password. What that looks like
follows from the name as it was typed: under a name that has not failed so often,
it looks like a wrong password, in its code, its texts and its time, and counts
like one. So many names of one user give no more guesses than one does, and do not
tell that they are one user's.
"""

from __future__ import annotations

from ualauth.codes import ReturnCode
from ualauth.messages import Error
from ualauth.module import Attempt
from ualauth.networks import source_of
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.cache import Known, UserCache
from ualauth.userlist.comparing import FAILED, Comparison, conceal, forget_failures
from ualauth.userlist.lockout import Counts, microseconds_now
from ualauth.userlist.policy import LockoutRules


async def judge(
    attempt: Attempt, known: Known | None, password: str | None, found: Comparison
) -> ReturnCode:
    """Return what a comparison amounts to; count one more failure if it is one.

    Call it after the password was compared, not before: many may have failed meanwhile.
    `password` is `None` where no hash was computed: for a SASL exchange.
    """
    cache = attempt.resource(UserCache)
    rules = (cache.policy if known is None else known.policy).lockout
    source = source_of(attempt.rhost)
    name = attempt.login_name or await attempt.get_user()
    if not rules.failures or (known and found.remembered and cache.is_clear(known, name, source)):
        return found.code
    user = None if known is None else known.user
    counts = await attempt.offload(cache.store.failures, name, user, source)
    now, code = microseconds_now(), found.code
    locked = counts.user.is_locked(now)
    if known is not None and code is ReturnCode.SUCCESS:
        if not locked and not counts.name.is_locked(now):
            await _forget(attempt, known, name, source, counts)
            return code
        if password is not None:
            hasher = attempt.resource(PasswordHasher)
            await attempt.compute(conceal, hasher, known.user, password, found)
        code = ReturnCode.AUTH_ERR
    if counts.name.is_locked(now):
        attempt.remark(f"locked out for this source after {len(counts.name.moments)} failures")
        attempt.fail_delay(counts.name.delay(rules))
        await attempt.tell(Error("There were too many failed logins; try again later."))
        return ReturnCode.PERM_DENIED
    if locked:
        attempt.remark(
            f"locked out for this source after {len(counts.user.moments)} failures, "
            "not all under this name"
        )
    if code in FAILED:
        # Where it cannot be counted, it waits all the same.
        attempt.fail_delay(counts.name.one_more(now, rules).delay(rules))
        counts = await _count(attempt, known, name, source, rules)
        attempt.fail_delay(counts.name.delay(rules))
    return code


async def _count(
    attempt: Attempt, known: Known | None, name: str, source: str, rules: LockoutRules
) -> Counts:
    user = None if known is None else known.user
    count = attempt.resource(UserCache).store.count_failure
    return await attempt.offload(count, name, user, source, microseconds_now(), rules)


async def _forget(attempt: Attempt, known: Known, name: str, source: str, counts: Counts) -> None:
    """Forget what failed before under this name; what failed under others says nothing here."""
    cache = attempt.resource(UserCache)
    if counts.user.moments or counts.name.moments:
        await attempt.offload(forget_failures, cache.store, name, known.user, source)
    else:
        cache.note_clear(known, name, source)
