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

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.reasons import ReasonCode
from ualauth.system.networks import source_of
from ualauth.userlist.account.lockout import Keys
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.guess import Guess
from ualauth.userlist.login.elsewhere import forgive, note_locked_user, opened, say_locked
from ualauth.userlist.login.verify import Comparison


def open_guess(
    attempt: Attempt, account: Account | None, credential: object, *, remembered: bool
) -> Guess | None:
    """Return the guess of a login by the USERLIST, before anything is waited for.

    `None` where none has to be counted: the rules lock no user out, or the password
    is `remembered` (or the proof verified) and nothing failed before, for sure.

    Raises:
        Abort: `AUTHINFO_UNAVAIL` if too many are waiting.

    """
    cache = attempt.resource(UserCache)
    rules = (cache.policy if account is None else account.policy).lockout
    if not rules.failures:
        return None
    name, guesses = attempt.login_name or attempt.user or "", cache.guesses
    clear = (
        remembered
        and account is not None
        and cache.has_no_failures(account, name, source_of(attempt.rhost))
    )
    if clear and guesses.is_quiet:
        return None
    keys = Keys.of(name, None if account is None else account.user.id)
    if clear and not guesses.concerns(keys, attempt.rhost):
        return None
    guess = opened(attempt, guesses, keys, rules, credential)
    guess.tells = account is not None and not remembered and cache.remembers(account)
    return guess


async def judge(
    attempt: Attempt,
    guess: Guess | None,
    account: Account | None,
    comparison: Comparison,
) -> ReturnCode:
    """Return what a comparison amounts to, after `take_turn`; end the guess if it was right."""
    if guess is None:
        return comparison.code
    code = comparison.code
    by_name = guess.is_locked(by_name=True)
    by_user = guess.is_locked(by_name=False)
    if account is not None and code is ReturnCode.SUCCESS:
        if not by_user and not by_name:
            await _forgive(attempt, guess, account)
            return code
        code = ReturnCode.AUTH_ERR
    if by_name:
        return await say_locked(attempt, guess)
    if by_user:
        note_locked_user(attempt, guess)
    if code is ReturnCode.AUTH_ERR or comparison.wrong:
        guess.wrong = True
        attempt.fail_delay(guess.by_name.delay(guess.shown_rules))
        if guess.counted_here:
            # Other processes do not know of it: to tell would give each of them a guess.
            why = "the failure is counted in this process alone"
            attempt.explain(ReasonCode.NOT_COUNTED, why)
            return ReturnCode.AUTHINFO_UNAVAIL
    elif guess.tells:
        # It could not be checked, but is not the one that would have been answered at once.
        guess.wrong = True
    return code


async def _forgive(attempt: Attempt, guess: Guess, account: Account) -> None:
    """End a guess that was right, and note that nothing failed before if that is so."""
    clear = not guess.has_failures
    await forgive(attempt, guess)
    if clear:
        name = attempt.login_name or attempt.user
        cache, source = attempt.resource(UserCache), source_of(attempt.rhost)
        cache.note_no_failures(account, name, source, guess.as_of)
