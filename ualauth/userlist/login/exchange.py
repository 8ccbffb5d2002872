"""What a SASL exchange proves, by the secrets that the USERLIST keeps (UL-SASL-PWD)."""

from __future__ import annotations

from collections.abc import Callable

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort, Attempt
from ualauth.contract.credentials import Exchange
from ualauth.contract.judgement import not_judged
from ualauth.passwords.scram import ScramSecret
from ualauth.reasons import ReasonCode
from ualauth.sasl.cram_md5 import CramMd5Exchange
from ualauth.sasl.mock import MockSecrets
from ualauth.sasl.scram import ScramExchange
from ualauth.system.networks import source_of
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.guess import Guess
from ualauth.userlist.login.elsewhere import take_turn
from ualauth.userlist.login.lockout import judge, open_guess
from ualauth.userlist.login.verify import Comparison

_SUCCESS = ReturnCode.SUCCESS
PROVED = Comparison(_SUCCESS, "proof verified", remembered=True)
NOT_PROVED = Comparison(ReturnCode.AUTH_ERR, "wrong proof", reason=ReasonCode.WRONG_PROOF)


def without_secret(account: Account | None, kind: str) -> Comparison:
    """Return what it comes to that there is no secret of a mechanism, if no module has one."""
    unknown = account is None
    why = "not in the USERLIST" if unknown else f"no secret for {kind}"
    reason = ReasonCode.USER_UNKNOWN if unknown else ReasonCode.NO_SECRET
    return Comparison(ReturnCode.AUTH_ERR, why, reason=reason)


async def prove(
    attempt: Attempt,
    exchange: Exchange,
    vouch: Callable[[Attempt, Account], None],
) -> ReturnCode:
    """Judge a SASL exchange by UL-SASL-PWD; `vouch` is called for whom it lets in."""
    if not isinstance(exchange, (ScramExchange, CramMd5Exchange)):
        return not_judged(attempt, exchange)
    cache = attempt.resource(UserCache)
    account: Account | None = attempt.record_at_hand()
    source = source_of(attempt.rhost)
    # Who logged in from here before does not learn from the time that they exist.
    trusted = account is not None and account.is_trusted_source(source)
    if not trusted:
        # The same way for all: known or not, remembered or not.
        account = await attempt.get_record(anew=True)
    if (
        account is not None
        and exchange.judged is not None
        and exchange.judged[0] == account.user.id
    ):
        # Another line of the stack has: it counts once, as that of an unknown user does.
        code = exchange.judged[1]
        if code is not _SUCCESS:
            attempt.explain(ReasonCode.WRONG_PROOF, "an entry before this one has refused it")
        return code
    secret = await _find_secret(attempt, cache, account, exchange, trusted=trusted)
    if account is None or secret is None or exchange.spent:
        # Another module may have one. If none has, it counts as a wrong password.
        nothing = without_secret(account, exchange.kind)
        nothing.note(attempt)
        exchange.afterwards = lambda: _count(attempt, account, exchange, nothing)
        return ReturnCode.CRED_UNAVAIL
    number = account.user.id
    if isinstance(exchange, ScramExchange):
        proved = await exchange.verify(secret, hurry=trusted)
        # A right proof is not enough: the password may have changed, or be locked out.
        if proved and attempt.record_at_hand() is not account:
            now = await _unchanged(attempt, cache, account, secret)
            proved, account = now is not None, now or account
    else:
        proved = exchange.verify(secret)
    comparison = PROVED if proved else NOT_PROVED
    comparison.note(attempt)
    name, quiet = attempt.login_name, cache.guesses.is_quiet
    if proved and quiet and cache.has_no_failures(account, name, source):
        code = _SUCCESS
    else:
        code = await _count(attempt, account, exchange, comparison)
    exchange.judged = number, code
    if code is _SUCCESS:
        exchange.accept()
        account.note_trusted_source(source)
        vouch(attempt, account)
    return code


def _count_before(attempt: Attempt, account: Account | None, exchange: ScramExchange) -> None:
    """Open the guess of a client that is told a salt: it failed, until it proves more.

    So a client that only wants to see salts, and goes, counts like one with a wrong proof.
    """
    before: Guess | None = attempt.guess
    if before is None or not before.is_open or before.credential is not exchange:
        guess = open_guess(attempt, account, exchange, remembered=False)
        if guess is not None:
            # Others need not wait until the client has made up its mind.
            guess.wrong = guess.passive = True


async def _count(
    attempt: Attempt, account: Account | None, exchange: Exchange, comparison: Comparison
) -> ReturnCode:
    """Return what a proof amounts to that was verified already; a wrong one counts.

    It is counted whether the client waits for the answer or not: nothing is waited
    for before the guess is open.
    """
    guess: Guess | None = attempt.guess
    if guess is None or not guess.is_open or guess.credential is not exchange:
        guess = open_guess(attempt, account, exchange, remembered=not comparison.wrong)
    if guess is not None:
        guess.wrong = comparison.wrong
        guess.passive = guess.tells = False
        await take_turn(attempt, guess, guess.reserve if comparison.wrong else guess.look)
    return await judge(attempt, guess, account, comparison)


async def _find_secret(
    attempt: Attempt,
    cache: UserCache,
    account: Account | None,
    exchange: ScramExchange | CramMd5Exchange,
    *,
    trusted: bool,
) -> ScramSecret | None:
    """Return the user's secret; where no trust is, as much is done for a name that no user has."""
    if trusted or isinstance(exchange, CramMd5Exchange):
        secret = None if account is None else account.secrets.get(exchange.kind)
        if account is not None and secret is None:
            secret = await _secret(attempt, cache, account, exchange.kind)
        return secret
    if account is not None and account.stale:
        raise _unreadable()
    await attempt.offload(_prepare, cache, account, attempt.resource)
    exchange.prepared = True
    exchange.before_salt = lambda: _count_before(attempt, account, exchange)
    return None if account is None else account.secrets.get(exchange.kind)


def _prepare(
    cache: UserCache, account: Account | None, resource: Callable[[type[MockSecrets]], object]
) -> None:
    """Read the secrets of a user, or what stands for them, and the mock secrets; blocks."""
    resource(MockSecrets)
    if account is None:
        cache.store.secrets_of(0)
    else:
        cache.read_secrets(account)


async def _secret(
    attempt: Attempt,
    cache: UserCache,
    account: Account,
    mechanism: str,
) -> ScramSecret | None:
    """Return the user's secret for a mechanism, if there is one."""
    if account.stale:
        raise _unreadable()
    await attempt.offload(cache.read_secrets, account)
    return account.secrets.get(mechanism)


async def _unchanged(
    attempt: Attempt,
    cache: UserCache,
    before: Account,
    used: ScramSecret,
) -> Account | None:
    """Return the record as it is now, if the secret that the client proved still holds.

    The client took its time: a password that was changed meanwhile is none.
    """
    now: Account | None = attempt.record_at_hand() or await attempt.get_record()
    if now is None or now.user.id != before.user.id:
        attempt.remark("the user was deleted meanwhile")
        return None
    if now.user.revision != before.user.revision:
        now.secrets = {}
        if await _secret(attempt, cache, now, used.mechanism) != used:
            attempt.remark("the password was changed meanwhile")
            return None
    return now


def _unreadable() -> Abort:
    why, reason = "the USERLIST cannot be read", ReasonCode.USERLIST_UNAVAILABLE
    return Abort(ReturnCode.AUTHINFO_UNAVAIL, why, reason)
