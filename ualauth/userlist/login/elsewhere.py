"""Guesses as modules see them, also those that another system checks: LDAP, a KDC, an issuer.

It brings no database along: a service without USERLIST does without.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort, Attempt
from ualauth.contract.messages import Error
from ualauth.contract.requests import Until
from ualauth.reasons import ReasonCode
from ualauth.userlist.account.lockout import Keys
from ualauth.userlist.guess import Guess
from ualauth.userlist.guesses import GuessLimiter, TooManyGuesses
from ualauth.userlist.policy import LockoutRules

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25
_LONGEST_WAIT = 20.0
"""Seconds that a guess waits for its turn."""
REASONS_OF_GUESSES = {
    ReasonCode.LOCKED_OUT: (ReturnCode.PERM_DENIED, ReturnCode.AUTH_ERR),
    ReasonCode.OVERLOADED: (ReturnCode.AUTHINFO_UNAVAIL,),
}
"""Why a module that counts guesses may refuse; see `Module.reasons`."""
_BUSY = "too many logins of this user from this source at once"


async def take_turn(attempt: Attempt, guess: Guess, take: Callable[[], bool]) -> None:
    """Wait until a guess may be checked; `take` looks at its counts, or counts it, and blocks.

    Raises:
        Abort: `AUTHINFO_UNAVAIL` if that does not come to pass.

    """
    pause, until = _FIRST_PAUSE, time.monotonic() + _LONGEST_WAIT
    while not (guess.is_next() and await attempt.offload(take)):
        if time.monotonic() > until:
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, _BUSY, ReasonCode.OVERLOADED)
        await Until(time.monotonic() + pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def begin_elsewhere(attempt: Attempt, user: str, credential: object) -> Guess | None:
    """Return the guess of a login that another system checks, when it may be asked.

    `user` is who that system says it is, or who is asked for. What the other system
    is asked meanwhile is counted in this process; its "no" (`Guess.wrong`) in the
    USERLIST, if there is one. `None` if the rules lock no user out.

    Raises:
        Abort: `PERM_DENIED` for a user who is locked out for this source, or `AUTH_ERR` where
            an entry before has hidden it; `AUTHINFO_UNAVAIL` if too many are waiting.

    """
    limiter = attempt.resource(GuessLimiter)
    known = attempt.record_at_hand()
    rules = limiter.rules if known is None else known.policy.lockout
    if not rules.failures:
        return None
    before: Guess | None = attempt.guess
    if before is not None and before.is_open and before.credential == credential:
        # An entry before this one has counted it already; whom it found locked out, no other
        # entry lets in.
        if is_locked(before):
            raise Abort(await say_locked(attempt, before, hidden=not before.remote))
        return before
    keys = Keys.of(attempt.login_name or user, user if known is None else known.user.id)
    guess = opened(attempt, limiter, keys, rules, credential)
    guess.remote = True
    if not (guess.is_next() and guess.has_no_failures()):
        await take_turn(attempt, guess, guess.look)
    if is_locked(guess):
        raise Abort(await say_locked(attempt, guess))
    guess.started = True
    return guess


def is_locked(guess: Guess) -> bool:
    """Return whether the name or the user was locked out when the guess was looked at."""
    return guess.is_locked(by_name=True) or guess.is_locked(by_name=False)


async def end_elsewhere(attempt: Attempt, guess: Guess | None, code: ReturnCode) -> None:
    """Note what another system said of a guess; end it if that was yes."""
    if guess is None:
        return
    if code in {ReturnCode.AUTH_ERR, ReturnCode.USER_UNKNOWN}:
        guess.wrong = True
    elif code is ReturnCode.SUCCESS:
        await forgive(attempt, guess)


def opened(
    attempt: Attempt, limiter: GuessLimiter, keys: Keys, rules: LockoutRules, credential: object
) -> Guess:
    """Return the new guess of an attempt; one that was open for another password ends.

    Raises:
        Abort: `AUTHINFO_UNAVAIL` if too many are waiting.

    """
    before, attempt.guess = attempt.guess, None
    if before is not None and before.is_open:
        if before.remote and before.credential == credential:
            # It is the same login: it counts once, by the entry that comes now.
            before.release()
        else:
            before.abandon()
    try:
        guess = limiter.open(keys, attempt.rhost, rules)
    except TooManyGuesses:
        raise Abort(ReturnCode.AUTHINFO_UNAVAIL, _BUSY, ReasonCode.OVERLOADED) from None
    guess.credential = credential
    attempt.guess = guess
    return guess


async def say_locked(attempt: Attempt, guess: Guess, *, hidden: bool = False) -> ReturnCode:
    """Say that the name is locked out, to the log and to the person; return the code.

    With `hidden`, that only the user is, under other names, looks like a wrong password.
    """
    number = most_failures(guess, by_name=True)
    if hidden and not number:
        note_locked_user(attempt, guess)
        return ReturnCode.AUTH_ERR
    number = number or most_failures(guess, by_name=False)
    why = f"locked out for this source after {number} failures"
    attempt.explain(ReasonCode.LOCKED_OUT, why)
    attempt.fail_delay(guess.by_name.delay(guess.shown_rules))
    await attempt.tell(Error("There were too many failed logins; try again later."))
    return ReturnCode.PERM_DENIED


def note_locked_user(attempt: Attempt, guess: Guess) -> None:
    """Tell the log that the user is locked out, and the name is not."""
    number = most_failures(guess, by_name=False)
    why = f"locked out for this source after {number} failures, not all under this name"
    attempt.explain(ReasonCode.LOCKED_OUT, why)


def most_failures(guess: Guess, *, by_name: bool) -> int:
    """Return how many failures there are, of those counts of a guess that are locked."""
    return max(
        (
            len(row.moments)
            for row, place in zip(guess.rows, guess.places, strict=True)
            if place.by_name is by_name and row.locked_until > guess.moment
        ),
        default=0,
    )


async def forgive(attempt: Attempt, guess: Guess) -> None:
    """End a guess that was right: what failed before under this name is forgotten."""
    attempt.guess = None
    if not guess.has_failures:
        guess.release()
        return
    guess.right = True
    try:
        await attempt.offload(guess.forgive)
    finally:
        guess.abandon()
