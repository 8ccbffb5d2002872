"""What om_auth would answer, with nothing compared, counted or written: `Module.simulate`.

And whom modules that ask another system would refuse before that. It follows `once`, `exchange`,
`lockout` and `elsewhere`, and judges with the same functions. The guess that is judged was never
opened: no count knows of it, and it is not ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort, Attempt
from ualauth.contract.credentials import CredentialKind, Exchange
from ualauth.contract.judgement import not_judged
from ualauth.contract.simulation import Situation
from ualauth.contract.tokens import TokenOptions
from ualauth.errors import PasswordError
from ualauth.passwords.schemes import PasswordHasher
from ualauth.reasons import ReasonCode
from ualauth.system.networks import sources_of
from ualauth.userlist.account.lockout import Keys
from ualauth.userlist.account.reservation import Place, places_of, reserve
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.guess import Guess
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.login.elsewhere import is_locked, say_locked
from ualauth.userlist.login.exchange import NOT_PROVED, PROVED, without_secret
from ualauth.userlist.login.learning import learner_of
from ualauth.userlist.login.lockout import judge
from ualauth.userlist.login.once import LOCKED, LOCKED_UNKNOWN, UNREADABLE
from ualauth.userlist.login.verify import WRONG, Comparison, without_comparing
from ualauth.userlist.policy import LockoutRules

_SUCCESS = ReturnCode.SUCCESS
USERLIST = "the USERLIST"
"""What knows the right password: the same for every line of om_auth."""
_RIGHT = Comparison(_SUCCESS, "password verified", matched=True)
_WRONG_BEFORE = "om_auth: where wrong guesses would count"
_KINDS = frozenset({CredentialKind.SCRAM, CredentialKind.CRAM_MD5})

Vouch = Callable[[Attempt, Account], None]


async def suppose_password(
    attempt: Attempt, situation: Situation, options: TokenOptions, vouch: Vouch, *, learn: bool
) -> ReturnCode:
    """Return what om_auth would answer to a typed password, the right one or a wrong one."""
    await attempt.get_user()

    async def check(password: str) -> ReturnCode:
        account: Account | None = await attempt.get_record()
        if account is not None and account.stale:
            UNREADABLE.note(attempt)
            return UNREADABLE.code
        guess = await _look(attempt, account, situation.moment)
        if guess is not None and is_locked(guess):
            comparison = LOCKED_UNKNOWN if account is None else LOCKED
        else:
            comparison = _compare(attempt, account, password, situation)
        comparison.note(attempt)
        code = await _judge(attempt, guess, account, comparison)
        if code is _SUCCESS and account is not None:
            vouch(attempt, account)
        elif learn and learner_of(account, password, guess, code) is not None:
            attempt.remark("the user has not moved: the other entries decide")
            return ReturnCode.IGNORE
        return code

    return await options.verify(attempt, check)


def _compare(
    attempt: Attempt, account: Account | None, password: str, situation: Situation
) -> Comparison:
    user = None if account is None else account.user
    if user is None or not user.password:
        return without_comparing(user, password)
    try:
        scheme = attempt.resource(PasswordHasher).check_stored(user.password)
    except PasswordError as error:
        return Comparison(
            ReturnCode.AUTHINFO_UNAVAIL, str(error), reason=ReasonCode.USERLIST_UNAVAILABLE
        )
    # No password is the right one where the stored one is locked.
    right = scheme != "locked" and situation.is_right(USERLIST)
    return _RIGHT if right else WRONG


async def suppose_exchange(
    attempt: Attempt, situation: Situation, exchange: Exchange, vouch: Vouch
) -> ReturnCode:
    """Return what om_auth would answer to a proof, the right one or a wrong one."""
    if exchange.credential_kind not in _KINDS:
        return not_judged(attempt, exchange)
    account: Account | None = await attempt.get_record()
    if account is not None and exchange.judged is not None:
        number, code = exchange.judged
        if number == account.user.id:
            if code is not _SUCCESS:
                why = "an entry before this one has refused it"
                attempt.explain(ReasonCode.WRONG_PROOF, why)
            return code
    if account is not None and account.stale:
        UNREADABLE.note(attempt)
        return UNREADABLE.code
    kind = exchange.mechanism.removesuffix("-PLUS")
    if account is not None:
        await attempt.offload(attempt.resource(UserCache).read_secrets, account)
    if account is None or kind not in account.secrets or exchange.spent:
        nothing = without_secret(account, kind)
        nothing.note(attempt)
        exchange.afterwards = _afterwards(attempt, account, nothing, situation.moment)
        return ReturnCode.CRED_UNAVAIL
    exchange.spent = exchange.credential_kind is CredentialKind.SCRAM
    comparison = PROVED if situation.is_right(USERLIST) else NOT_PROVED
    comparison.note(attempt)
    guess = await _look(attempt, account, situation.moment)
    code = await _judge(attempt, guess, account, comparison)
    exchange.judged = account.user.id, code
    if code is _SUCCESS:
        exchange.accept()
        vouch(attempt, account)
    return code


async def suppose_locked(
    attempt: Attempt, situation: Situation, elsewhere: str | None
) -> ReturnCode | None:
    """Return what `begin_elsewhere` would refuse with if the name is locked out; `None` if not.

    `elsewhere` is who is asked for, of whom the USERLIST does not know; `None` if only the other
    system could say it: then no lock is known.
    """
    account: Account | None = await attempt.get_record(needed=False)
    limiter = attempt.resource(GuessLimiter)
    rules = limiter.rules if account is None else account.policy.lockout
    whom = elsewhere if account is None else account.user.id
    if not rules.failures or whom is None:
        return None
    keys = Keys.of(attempt.login_name or attempt.user or "", whom)
    guess = _unopened(attempt, limiter, keys, rules, situation.moment)
    rows = await attempt.offload(limiter.failures_in, guess.places)
    both = zip(rows, guess.places, strict=True)
    guess.rows = [row.plausible(guess.moment, place.rules) for row, place in both]
    if not is_locked(guess):
        return None
    return await say_locked(attempt, guess, hidden=bool(_wrong_before(attempt)))


def _afterwards(
    attempt: Attempt, account: Account | None, nothing: Comparison, moment: datetime
) -> Callable[[], Awaitable[ReturnCode]]:
    async def count() -> ReturnCode:
        return await _judge(attempt, await _look(attempt, account, moment), account, nothing)

    return count


async def _look(attempt: Attempt, account: Account | None, moment: datetime) -> Guess | None:
    """Return what has failed before, as if one more guess were counted; nothing is."""
    cache = attempt.resource(UserCache)
    rules = (cache.policy if account is None else account.policy).lockout
    if not rules.failures:
        return None
    name = attempt.login_name or attempt.user or ""
    keys = Keys.of(name, None if account is None else account.user.id)
    guess = _unopened(attempt, cache.guesses, keys, rules, moment)
    rows = await attempt.offload(cache.store.failures_in, guess.places)
    before = _wrong_before(attempt)
    counted = []
    for row, place in zip(rows, guess.places, strict=True):
        plausible = row.plausible(guess.moment, place.rules)
        for _ in range(before.count(place)):
            # An entry before this one has found it wrong: that counts by itself.
            plausible = plausible.one_more(guess.moment, place.rules)
        counted.append(plausible)
    guess.rows, _ = reserve(counted, guess.places, guess.moment)
    return guess


def _unopened(
    attempt: Attempt, limiter: GuessLimiter, keys: Keys, rules: LockoutRules, moment: datetime
) -> Guess:
    """Return a guess of which no count knows."""
    guess = Guess(limiter, places_of(keys, sources_of(attempt.rhost), rules), rules)
    guess.shown_rules = limiter.rules
    guess.moment = round(moment.timestamp() * 1_000_000)
    return guess


def _wrong_before(attempt: Attempt) -> tuple[Place, ...]:
    """Return where the guesses of this login count that entries before have found wrong."""
    try:
        places: tuple[Place, ...] = attempt.get_data(_WRONG_BEFORE)
    except Abort:
        return ()
    return places


async def _judge(
    attempt: Attempt, guess: Guess | None, account: Account | None, comparison: Comparison
) -> ReturnCode:
    """Return what a comparison amounts to, as `judge` does; a right one has nothing to forgive."""
    if guess is None or (comparison.code is _SUCCESS and not is_locked(guess)):
        return comparison.code
    code = await judge(attempt, guess, account, comparison)
    if guess.wrong:
        attempt.set_data(_WRONG_BEFORE, (*_wrong_before(attempt), *guess.places))
    return code
