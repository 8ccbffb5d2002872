"""A password compared once for all logins that bring it at the same time (decision 0047).

The first login counts its guess, has the password compared, and may go at any time: what
others wait for is done all the same. Each of the others is judged by the result, with a
guess of its own: a wrong one counts for each.

A login that is locked out is not compared at all, and takes as long as if it were.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort, Attempt
from ualauth.contract.computation import Computation, GivenUp
from ualauth.contract.requests import Admission, Compute, DummyCompute, Join, Until
from ualauth.passwords.schemes import PasswordHasher
from ualauth.reasons import ReasonCode
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.guess import Guess
from ualauth.userlist.login.elsewhere import is_locked, take_turn
from ualauth.userlist.login.verify import REMEMBERED, Comparison, compare

_FROM_MEMORY = Comparison(
    ReturnCode.SUCCESS, "the USERLIST cannot be read; password verified before", remembered=True
)
UNREADABLE = Comparison(
    ReturnCode.AUTHINFO_UNAVAIL,
    "the USERLIST cannot be read",
    reason=ReasonCode.USERLIST_UNAVAILABLE,
)
_STEP = 0.005
"""Seconds. How long the refusal of a locked login takes beyond a comparison tells nothing."""
_LONGEST_PAUSE = 1.0
"""Seconds for which logins wait for what the first one writes."""
LOCKED = Comparison(ReturnCode.AUTH_ERR, "not compared", reason=ReasonCode.LOCKED_OUT)
LOCKED_UNKNOWN = Comparison(ReturnCode.USER_UNKNOWN, "not compared", reason=ReasonCode.LOCKED_OUT)


async def check_password(  # noqa: PLR0913 - all that is known
    attempt: Attempt,
    guess: Guess | None,
    account: Account | None,
    password: str,
    *,
    remembered: bool,
    null_allowed: bool,
) -> Comparison:
    """Return what a password amounts to, before its guess is judged.

    Raises:
        Abort: `AUTHINFO_UNAVAIL` if it cannot be compared in time.

    """
    if remembered or (account is not None and account.stale):
        if guess is not None:
            await take_turn(attempt, guess, guess.look if remembered else guess.reserve)
            if remembered and is_locked(guess):
                # As one that is wrong, also where that would not be compared in time.
                guess.wrong = True
                await attempt.get_record(anew=True)
                await Admission()
                return await refuse_locked(guess, account)
        if account is not None and account.stale:
            # Within the outage grace, only a remembered password is trusted.
            return _FROM_MEMORY if remembered else UNREADABLE
        return REMEMBERED
    try:
        return await _compare_once(attempt, guess, account, password, null_allowed=null_allowed)
    except (Abort, TimeoutError):
        if guess is not None and guess.tells:
            # It is not the one that would have been answered at once.
            guess.wrong = True
        raise


async def _compare_once(
    attempt: Attempt,
    guess: Guess | None,
    account: Account | None,
    password: str,
    *,
    null_allowed: bool,
) -> Comparison:
    cache = attempt.resource(UserCache)
    user = None if account is None else account.user
    name = attempt.login_name or attempt.user or ""
    while True:
        if account is not None and cache.knows(account, password):
            # Another login has brought it meanwhile.
            return await _share(attempt, guess, REMEMBERED)
        computation, first = cache.verifications.join(
            user, name, password, null_allowed=null_allowed
        )
        try:
            if not first:
                return await _share(attempt, guess, await _joined(guess, computation))
            hasher = attempt.resource(PasswordHasher)
            check = partial(compare, hasher, user, password, null_allowed, cache.in_use)
            if account is not None:
                check = partial(_remembering, check, computation, cache, account, password)
            return await _compare(attempt, guess, account, check, computation)
        except GivenUp:
            # The first one has gone: now it may be this one.
            continue
        finally:
            if first:
                computation.give_up()


async def refuse_locked(guess: Guess, account: Account | None) -> Comparison:
    """Take as long as a comparison that is refused; return what stands for one."""
    started = time.monotonic()
    # It looks like a wrong password, and counts like one.
    guess.wrong = True
    try:
        await DummyCompute()
    except Abort:
        if not guess.is_locked(by_name=True):
            raise
    passed = time.monotonic() - started
    await Until(started + _STEP * (passed // _STEP + 1))
    return LOCKED_UNKNOWN if account is None else LOCKED


async def _compare(
    attempt: Attempt,
    guess: Guess | None,
    account: Account | None,
    check: Callable[[], Comparison],
    computation: Computation,
) -> Comparison:
    """Have it compared, and counted before."""
    await Admission()
    comparison: Comparison
    if guess is None:
        comparison = await Compute(check, (), computation)
        return comparison
    await take_turn(attempt, guess, guess.reserve)
    if is_locked(guess):
        computation.give_up()
        return await refuse_locked(guess, account)
    computation.is_concluded = lambda: not guess.is_open
    comparison = await Compute(guess.run, (check,), computation)
    return comparison


def _remembering(
    check: Callable[[], Comparison],
    computation: Computation,
    cache: UserCache,
    account: Account,
    password: str,
) -> Comparison:
    """Compare a password; a right one for which logins wait is remembered before they go on."""
    comparison = check()
    if comparison.matched and computation.waiting:
        cache.remember(account, password)
    return comparison


async def _joined(guess: Guess | None, computation: Computation) -> Comparison:
    """Return what another login has compared; meanwhile no guess waits for this one."""
    if guess is not None:
        guess.passive = True
    try:
        comparison: Comparison = await Join(computation)
        if guess is not None and comparison.code is ReturnCode.SUCCESS:
            # What the first one counted is given back in a moment: then nothing has to be written.
            pause, until = _STEP, time.monotonic() + _LONGEST_PAUSE
            while not computation.is_concluded() and time.monotonic() < until:
                await Until(time.monotonic() + pause)
                pause *= 2
    finally:
        if guess is not None:
            guess.passive = False
    return comparison


async def _share(attempt: Attempt, guess: Guess | None, comparison: Comparison) -> Comparison:
    """Judge by what another login had compared."""
    if guess is not None:
        if comparison.wrong:
            # It counts whatever becomes of this login.
            guess.wrong = True
            await take_turn(attempt, guess, guess.reserve)
        else:
            guess.passive = comparison.code is ReturnCode.SUCCESS
            guess.tells = guess.tells and not guess.passive
            await take_turn(attempt, guess, guess.look)
    return replace(comparison, matched=False, outdated=False)
