"""What the check of a password or proof amounts to, with the logins that failed before.

A user who is locked out is refused whatever the password. What that looks like
follows from the name as it was typed: under a name that has not failed so often,
it looks like a wrong password, in its code, its texts and its time, and counts
like one. So many names of one user give no more guesses than one does, and do not
tell that they are one user's.

A login has one guess for each password that it brings, whichever entries check it.
The runtime ends it together with the operation.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ualauth.codes import ReturnCode
from ualauth.messages import Error
from ualauth.module import Attempt, Refusal, Until
from ualauth.networks import source_of
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.cache import Known, UserCache
from ualauth.userlist.comparing import Comparison, conceal
from ualauth.userlist.guess import Guess
from ualauth.userlist.guesses import GuessLimiter, TooManyGuesses
from ualauth.userlist.lockout import Keys
from ualauth.userlist.policy import LockoutRules

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25
_LONGEST_WAIT = 20.0
"""Seconds that a guess waits for its turn."""
_BUSY = "too many logins of this user from this source at once"


def open_guess(
    attempt: Attempt, known: Known | None, proof: object, *, remembered: bool
) -> Guess | None:
    """Return the guess of a login by the USERLIST, before anything is waited for.

    `None` where none has to be counted: the rules lock nobody out, or the password
    is `remembered` (or the proof verified) and nothing failed before, for sure.

    Raises:
        Refusal: `AUTHINFO_UNAVAIL` if too many are waiting.

    """
    cache = attempt.resource(UserCache)
    rules = (cache.policy if known is None else known.policy).lockout
    if not rules.failures:
        return None
    name, guesses = attempt.login_name or attempt.user or "", cache.guesses
    clear = (
        remembered and known is not None and cache.is_clear(known, name, source_of(attempt.rhost))
    )
    if clear and guesses.is_quiet:
        return None
    keys = Keys.of(name, None if known is None else known.user.id)
    if clear and not guesses.concerns(keys, attempt.rhost):
        return None
    guess = _opened(attempt, guesses, keys, rules, proof)
    guess.tells = known is not None and not remembered and cache.remembers(known)
    return guess


async def take_turn(attempt: Attempt, guess: Guess, take: Callable[[], bool]) -> None:
    """Wait until a guess may be checked; `take` looks at its counts, or counts it, and blocks.

    Raises:
        Refusal: `AUTHINFO_UNAVAIL` if that does not come to pass.

    """
    pause, until = _FIRST_PAUSE, time.monotonic() + _LONGEST_WAIT
    while not (guess.is_next() and await attempt.offload(take)):
        if time.monotonic() > until:
            raise Refusal(ReturnCode.AUTHINFO_UNAVAIL, _BUSY)
        await Until(time.monotonic() + pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def judge(
    attempt: Attempt,
    guess: Guess | None,
    known: Known | None,
    password: str | None,
    found: Comparison,
) -> ReturnCode:
    """Return what a comparison amounts to, after `take_turn`; end the guess if it was right.

    `password` is `None` where no hash was computed: for a SASL exchange.
    """
    if guess is None:
        return found.code
    code = found.code
    by_name = guess.is_locked(by_name=True)
    by_user = guess.is_locked(by_name=False)
    if known is not None and code is ReturnCode.SUCCESS:
        if not by_user and not by_name:
            await _forgive(attempt, guess, known)
            return code
        if password is not None:
            hasher = attempt.resource(PasswordHasher)
            await attempt.compute(conceal, hasher, known.user, password, found)
        code = ReturnCode.AUTH_ERR
    if by_name:
        return await _say_locked(attempt, guess)
    if by_user:
        attempt.remark(
            f"locked out for this source after {_most(guess, by_name=False)} failures, "
            "not all under this name"
        )
    if code is ReturnCode.AUTH_ERR or found.wrong:
        guess.wrong = True
        attempt.fail_delay(guess.by_name.delay(guess.rules))
    elif guess.tells:
        # It could not be checked, but is not the one that would have been answered at once.
        guess.wrong = True
    return code


async def begin_elsewhere(attempt: Attempt, user: str, proof: object) -> Guess | None:
    """Return the guess of a login that another system checks, when it may be asked.

    `user` is who that system says it is, or who is asked for. What the other system
    is asked meanwhile is counted in this process; its "no" (`Guess.wrong`) in the
    USERLIST, if there is one. `None` if the rules lock nobody out.

    Raises:
        Refusal: `PERM_DENIED` for a user who is locked out for this source;
            `AUTHINFO_UNAVAIL` if too many are waiting.

    """
    limiter = attempt.resource(GuessLimiter)
    known = attempt.record_at_hand()
    rules = limiter.rules if known is None else known.policy.lockout
    if not rules.failures:
        return None
    before = attempt.guess
    if before is not None and before.is_open and before.proof == proof:
        # An entry before this one has counted it already.
        return before
    keys = Keys.of(attempt.login_name or user, user if known is None else known.user.id)
    guess = _opened(attempt, limiter, keys, rules, proof)
    guess.remote = True
    if not (guess.is_next() and guess.is_clear()):
        await take_turn(attempt, guess, guess.look)
    if guess.is_locked(by_name=True) or guess.is_locked(by_name=False):
        raise Refusal(await _say_locked(attempt, guess))
    guess.started = True
    return guess


async def end_elsewhere(attempt: Attempt, guess: Guess | None, code: ReturnCode) -> None:
    """Note what another system said of a guess; end it if that was yes."""
    if guess is None:
        return
    if code in {ReturnCode.AUTH_ERR, ReturnCode.USER_UNKNOWN}:
        guess.wrong = True
    elif code is ReturnCode.SUCCESS:
        await _forgive(attempt, guess, None)


def _opened(
    attempt: Attempt, limiter: GuessLimiter, keys: Keys, rules: LockoutRules, proof: object
) -> Guess:
    before, attempt.guess = attempt.guess, None
    if before is not None and before.is_open:
        if before.remote and before.proof == proof:
            # It is the same login: it counts once, by the entry that comes now.
            before.release()
        else:
            before.abandon()
    try:
        guess = limiter.open(keys, attempt.rhost, rules)
    except TooManyGuesses:
        raise Refusal(ReturnCode.AUTHINFO_UNAVAIL, _BUSY) from None
    guess.proof = proof
    attempt.guess = guess
    return guess


async def _say_locked(attempt: Attempt, guess: Guess) -> ReturnCode:
    attempt.remark(f"locked out for this source after {_most(guess, by_name=True)} failures")
    attempt.fail_delay(guess.by_name.delay(guess.rules))
    await attempt.tell(Error("There were too many failed logins; try again later."))
    return ReturnCode.PERM_DENIED


def _most(guess: Guess, *, by_name: bool) -> int:
    """Return how many failures there are, of those counts of a guess that are locked."""
    return max(
        (
            len(row.moments)
            for row, place in zip(guess.rows, guess.places, strict=True)
            if place.by_name is by_name and row.locked_until > guess.moment
        ),
        default=0,
    )


async def _forgive(attempt: Attempt, guess: Guess, known: Known | None) -> None:
    """End a guess that was right: what failed before under this name is forgotten."""
    attempt.guess = None
    if guess.has_failures:
        try:
            await attempt.offload(guess.forgive)
        except BaseException:
            guess.right = True
            guess.abandon()
            raise
        return
    guess.release()
    if known is not None:
        name = attempt.login_name or attempt.user
        attempt.resource(UserCache).note_clear(known, name, source_of(attempt.rhost))
