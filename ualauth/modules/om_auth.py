"""The module om_auth: the USERLIST decides (UL-PWD, restrictions, policy, change of password).

Somebody whom the USERLIST does not know, or who has no password there, costs
the time of a real verification, and so does a wrong password that is stored
under a cheaper scheme than today's: how long a refusal takes tells nothing.
So a refusal reads the record and counts the failure, whoever it is; only the
right password, verified before, is answered from memory.

It is longer than others so that all that a login asks, counts and says stands
in one place; what can be decided without asking anybody is in `ualauth.userlist`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from ualauth.codes import Flag, Item, ReturnCode
from ualauth.credentials import Exchange, Proof
from ualauth.errors import PasswordError, StaleRecord, UserUnknown
from ualauth.messages import Error, Info
from ualauth.module import Attempt, Module, Refusal, immediate
from ualauth.networks import source_of
from ualauth.passwords.policy import Objection, objections
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.scram import ScramSecret
from ualauth.sasl.cram_md5 import CramMd5Exchange
from ualauth.sasl.scram import ScramExchange
from ualauth.userlist.aging import aged, grace, has_grace, must_change, unchangeable
from ualauth.userlist.cache import Known, UserCache
from ualauth.userlist.comparing import (
    FAILED,
    REMEMBERED,
    Comparison,
    compare,
    fill,
    forget_failures,
    is_former,
    rewrite,
)
from ualauth.userlist.lockout import microseconds_now
from ualauth.userlist.new_password import set_password
from ualauth.userlist.record import User
from ualauth.userlist.restrictions import Restriction, restriction

_SUCCESS = ReturnCode.SUCCESS
_VERIFIED = "om_auth: user whose old password was verified"
_LOGGED_IN = "om_auth: name and id of the user whose password was verified"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    nullok: Annotated[bool, "Let users without a password in with an empty one."] = False
    try_first_pass: Annotated[
        bool,
        "Try the password that an earlier module got; if it is wrong, ask for another.",
    ] = False
    use_first_pass: Annotated[
        bool,
        "Use only the password that an earlier module got; never ask.",
    ] = False
    use_authtok: Annotated[
        bool,
        "Use only the new password that an earlier module got; never ask.",
    ] = False


class OmAuth(Module[Options]):
    """Check people against the USERLIST: password, restrictions; and change passwords."""

    options_type = Options

    judges = frozenset({Proof.PASSWORD, Proof.SCRAM, Proof.CRAM_MD5})

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode | Awaitable[ReturnCode]:
        """Compare the password with UL-PWD; one that was verified before, at once."""
        if (exchange := attempt.exchange) is not None:
            return _prove(attempt, exchange)
        known = attempt.record_at_hand()
        if known is not None:
            only_present = self.options.use_first_pass
            password = attempt.authtok_at_hand(use_only_present=only_present)
            if password is not None and self._is_known(attempt, known, password):
                _vouch(attempt, known)
                return _SUCCESS
        return self._authenticate(attempt)

    def _is_known(self, attempt: Attempt, known: Known, password: str) -> bool:
        """Return whether nothing has to be asked or counted, for sure."""
        cache = attempt.resource(UserCache)
        if not cache.knows(known, password):
            return False
        failures = known.policy.lockout.failures
        if failures and not cache.is_clear(known, source_of(attempt.rhost)):
            return False
        attempt.remark(REMEMBERED.why)
        return True

    async def _authenticate(self, attempt: Attempt) -> ReturnCode:
        try:
            await attempt.get_user()
            given = attempt.get_item(Item.AUTHTOK)
            password = await self._password(attempt)
            code = await self._check(attempt, password)
            if code is ReturnCode.AUTH_ERR and given is not None and self.options.try_first_pass:
                attempt.set_item(Item.AUTHTOK, None)
                password = await self._password(attempt)
                if password != given:
                    code = await self._check(attempt, password)
        except Refusal as refusal:
            return _resumable(refusal)
        return code

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: the USERLIST has no credentials to establish."""
        return ReturnCode.SUCCESS

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode | Awaitable[ReturnCode]:
        """Refuse who is restricted; require a new password where the old one expired."""
        name = attempt.user
        known = attempt.record_at_hand()
        if known is not None:
            now = _now()
            found = restriction(known.user, known.policy, attempt.service, attempt.rhost, now)
            if (
                found is None
                and aged(known.user, known.policy.password, now) is None
                and not _is_another(attempt, name, known)
            ):
                attempt.vouch(known.person)
                return _SUCCESS
        return self._acct_mgmt(attempt, name)

    async def _acct_mgmt(self, attempt: Attempt, name: str | None) -> ReturnCode:
        known = await attempt.get_record()
        if known is None:
            return ReturnCode.USER_UNKNOWN
        if _is_another(attempt, name, known):
            attempt.remark("the name has become another user's since the password was verified")
            return ReturnCode.USER_UNKNOWN
        code = await _restriction(attempt, known)
        if code is ReturnCode.SUCCESS:
            code = await _age(attempt, known)
        if code is ReturnCode.SUCCESS:
            attempt.vouch(known.person)
        return code

    async def open_session(self, attempt: Attempt) -> ReturnCode:
        """Succeed for everybody whom the USERLIST knows."""
        known = await attempt.get_record()
        return ReturnCode.USER_UNKNOWN if known is None else ReturnCode.SUCCESS

    close_session = open_session

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Verify the old password in the first pass, write the new one in the second."""
        try:
            known = await attempt.get_record()
            user = _verified_user(attempt, known)
            if user is None or attempt.flags & Flag.PRELIM_CHECK:
                code = await self._verify_old(attempt)
                known = await attempt.get_record()
                if code is not ReturnCode.SUCCESS or known is None:
                    return code
                user = known.user
                attempt.set_data(_VERIFIED, user)
            return await self._change_of(attempt, cast("Known", known), user)
        except Refusal as refusal:
            return _resumable(refusal)

    async def _verify_old(self, attempt: Attempt) -> ReturnCode:
        """Return whether somebody with this old password may change it at all."""
        old = await attempt.get_authtok(
            Item.OLDAUTHTOK,
            use_only_present=self.options.use_first_pass,
        )
        code = await self._check(attempt, old)
        known = await attempt.get_record()
        if code is ReturnCode.SUCCESS and known is not None:
            code = await _restriction(attempt, known)
        return code

    async def _change_of(self, attempt: Attempt, known: Known, user: User) -> ReturnCode:
        """Carry out this pass for a user whose old password was verified."""
        rules, now = known.policy.password, _now()
        if attempt.flags & Flag.CHANGE_EXPIRED_AUTHTOK and not must_change(user, rules, now):
            return ReturnCode.IGNORE
        if (found := unchangeable(user, rules, now)) is not None:
            return await _tell(attempt, found)
        if attempt.flags & Flag.PRELIM_CHECK:
            return ReturnCode.SUCCESS
        return await self._change(attempt, known, user)

    async def _change(self, attempt: Attempt, known: Known, user: User) -> ReturnCode:
        new = await attempt.get_authtok(use_only_present=self.options.use_authtok)
        hasher, store = attempt.resource(PasswordHasher), attempt.resource(UserCache).store
        rules = known.policy.password
        found = await attempt.compute(objections, new, _names(user), rules)
        if new == attempt.get_item(Item.OLDAUTHTOK):
            found.append(Objection("history", "it must differ from the old one"))
        elif not found:
            # The old one may have been typed in another way that is the same password.
            former = [user.password] if user.password else []
            if rules.history:
                former += (await attempt.offload(store.former_passwords, user))[: rules.history]
            if await attempt.compute(is_former, hasher, new, former):
                found.append(Objection("history", "it was used before"))
        if found:
            return await _object(attempt, found)
        try:
            # What is written is what was verified: its revision says so.
            await attempt.compute(set_password, store, hasher, user, new, rules.history)
        except PasswordError as error:
            return await _object(attempt, [Objection("scheme", str(error))])
        except StaleRecord:
            attempt.remark("the user was changed by somebody else meanwhile")
            return ReturnCode.AUTHTOK_LOCK_BUSY
        except UserUnknown:
            return ReturnCode.USER_UNKNOWN
        return ReturnCode.SUCCESS

    async def _password(self, attempt: Attempt) -> str:
        return await attempt.get_authtok(use_only_present=self.options.use_first_pass)

    async def _check(self, attempt: Attempt, password: str) -> ReturnCode:
        """Return what a password amounts to; vouch for whom it belongs to."""
        cache = attempt.resource(UserCache)
        known = await attempt.get_record()
        remembered = known is not None and cache.knows(known, password)
        if not remembered:
            known = await attempt.get_record(anew=True)
        if known is not None and known.stale:
            return _from_memory(attempt, known, remembered=remembered)
        found = REMEMBERED if remembered else await self._compare(attempt, known, password)
        attempt.remark(found.why)
        # Not before the password was compared: many may have failed meanwhile.
        code = await _count(attempt, cache, known, found)
        if code is not ReturnCode.SUCCESS or known is None:
            return code
        hasher = attempt.resource(PasswordHasher)
        if found.matched:
            cache.remember(known, password)
            await attempt.compute(fill, cache.store, hasher, known.user, password)
        if found.outdated:
            await attempt.compute(rewrite, cache.store, hasher, known.user, password)
        _vouch(attempt, known)
        return ReturnCode.SUCCESS

    async def _compare(self, attempt: Attempt, known: Known | None, password: str) -> Comparison:
        null_allowed = self.options.nullok and not attempt.flags & Flag.DISALLOW_NULL_AUTHTOK
        user = None if known is None else known.user
        hasher = attempt.resource(PasswordHasher)
        return await attempt.compute(compare, hasher, user, password, null_allowed)


async def _prove(attempt: Attempt, exchange: Exchange) -> ReturnCode:
    """Judge a SASL exchange by UL-SASL-PWD."""
    if not isinstance(exchange, ScramExchange | CramMd5Exchange):
        return ReturnCode.CRED_UNAVAIL
    cache = attempt.resource(UserCache)
    known = await attempt.get_record()
    secret = None if known is None else await _secret(attempt, cache, known, exchange.kind)
    if known is None or secret is None or exchange.spent:
        # Another module may have one. If none has, it counts as a wrong password.
        why = "not in the USERLIST" if known is None else f"no secret for {exchange.kind}"
        attempt.remark(why)
        nothing = Comparison(ReturnCode.AUTH_ERR, why)
        exchange.afterwards = lambda: _count(attempt, cache, known, nothing)
        return ReturnCode.CRED_UNAVAIL
    source = source_of(attempt.rhost)
    if isinstance(exchange, ScramExchange):
        # Who logged in from here before does not learn from the time that they exist.
        proved = await exchange.verify(secret, hurry=cache.is_at_home(known, source))
        known = await _unchanged(attempt, cache, known, secret)
    else:
        proved = exchange.verify(secret)
    found = _PROVED if proved and known is not None else _NOT_PROVED
    attempt.remark(found.why)
    code = await _count(attempt, cache, known, found)
    if code is ReturnCode.SUCCESS and known is not None:
        cache.note_at_home(known, source)
        _vouch(attempt, known)
    return code


_PROVED = Comparison(ReturnCode.SUCCESS, "proof verified", remembered=True)
_NOT_PROVED = Comparison(ReturnCode.AUTH_ERR, "wrong proof")


async def _secret(
    attempt: Attempt,
    cache: UserCache,
    known: Known,
    mechanism: str,
) -> ScramSecret | None:
    """Return the user's secret for a mechanism, if there is one."""
    if known.stale:
        raise Refusal(ReturnCode.AUTHINFO_UNAVAIL, "the USERLIST cannot be read")
    if mechanism not in known.secrets:
        await attempt.offload(cache.read_secrets, known)
    return known.secrets.get(mechanism)


async def _unchanged(
    attempt: Attempt,
    cache: UserCache,
    before: Known,
    used: ScramSecret,
) -> Known | None:
    """Return the record as it is now, if the secret that the client proved still holds.

    The client took its time: a password that was changed meanwhile is none.
    """
    now = await attempt.get_record()
    if now is before:
        return now
    if now is None or now.user.id != before.user.id:
        attempt.remark("the user was deleted meanwhile")
        return None
    if now.user.revision != before.user.revision:
        now.secrets = {}
        if await _secret(attempt, cache, now, used.mechanism) != used:
            attempt.remark("the password was changed meanwhile")
            return None
    return now


async def _count(
    attempt: Attempt,
    cache: UserCache,
    known: Known | None,
    found: Comparison,
) -> ReturnCode:
    """Return what a comparison amounts to, with the failures so far; count one more."""
    rules = (cache.policy if known is None else known.policy).lockout
    source = source_of(attempt.rhost)
    if not rules.failures or (known and found.remembered and cache.is_clear(known, source)):
        return found.code
    name = await attempt.get_user()
    failures = await attempt.offload(cache.store.failures, name, source)
    if failures.is_locked(microseconds_now()):
        attempt.remark(f"locked out for this source after {len(failures.moments)} failures")
        attempt.fail_delay(failures.delay(rules))
        await attempt.tell(Error("There were too many failed logins; try again later."))
        return ReturnCode.PERM_DENIED
    if found.code in FAILED:
        now, count = microseconds_now(), cache.store.count_failure
        # Where it cannot be counted, it waits all the same.
        attempt.fail_delay(failures.one_more(now, rules).delay(rules))
        failures = await attempt.offload(count, name, source, now, rules)
        attempt.fail_delay(failures.delay(rules))
    elif known is not None and found.code is ReturnCode.SUCCESS:
        if failures.moments:
            await attempt.offload(forget_failures, cache.store, known.user, source)
        else:
            cache.note_clear(known, source)
    return found.code


def _from_memory(attempt: Attempt, known: Known, *, remembered: bool) -> ReturnCode:
    """Judge while the USERLIST is away, within the outage grace."""
    if not remembered:
        attempt.remark("the USERLIST cannot be read")
        return ReturnCode.AUTHINFO_UNAVAIL
    attempt.remark("the USERLIST cannot be read; password verified before")
    _vouch(attempt, known)
    return ReturnCode.SUCCESS


def _vouch(attempt: Attempt, known: Known) -> None:
    """Vouch for somebody whose password was verified."""
    attempt.set_data(_LOGGED_IN, (known.user.authid, known.user.id))
    attempt.vouch(known.person)


def _is_another(attempt: Attempt, name: str | None, known: Known) -> bool:
    """Return whether the name has become another user's since the password was verified."""
    try:
        authid, number = attempt.get_data(_LOGGED_IN)
    except Refusal:
        return False
    return bool(authid == name and number != known.user.id)


def _verified_user(attempt: Attempt, known: Known | None) -> User | None:
    """Return the user whose old password the first pass verified, if it is the same."""
    try:
        user = attempt.get_data(_VERIFIED)
    except Refusal:
        return None
    same = isinstance(user, User) and known is not None and user.id == known.user.id
    return user if same else None


async def _restriction(attempt: Attempt, known: Known) -> ReturnCode:
    found = restriction(known.user, known.policy, attempt.service, attempt.rhost, _now())
    return ReturnCode.SUCCESS if found is None else await _tell(attempt, found)


async def _tell(attempt: Attempt, found: Restriction) -> ReturnCode:
    """Tell the log and the person, each its own text; return the code."""
    attempt.remark(found.log)
    kind = Info if found.code is ReturnCode.SUCCESS else Error
    await attempt.tell(kind(found.person))
    return found.code


async def _age(attempt: Attempt, known: Known) -> ReturnCode:
    """Judge the age of the password; one that expired may have grace logins left."""
    user, rules = known.user, known.policy.password
    found = aged(user, rules, _now())
    if found is None:
        return ReturnCode.SUCCESS
    if found.code is ReturnCode.NEW_AUTHTOK_REQD and has_grace(user, rules):
        store = attempt.resource(UserCache).store
        used = await attempt.offload(store.use_grace_login, user, rules.grace_logins)
        if used is not None:
            found = grace(used, rules)
    return await _tell(attempt, found)


async def _object(attempt: Attempt, found: Sequence[Objection]) -> ReturnCode:
    attempt.remark(f"the new password breaks: {', '.join(each.rule for each in found)}")
    for each in found:
        await attempt.tell(Error(f"The new password was refused: {each.text}."))
    return ReturnCode.AUTHTOK_ERR


def _names(user: User) -> tuple[str, ...]:
    return (user.authid, user.name.personal_name, user.name.common_name, *user.addresses)


def _now() -> datetime:
    return datetime.now(UTC)


def _resumable(refusal: Refusal) -> ReturnCode:
    """Return what to answer: a person who has not answered yet will be asked again."""
    again = refusal.code is ReturnCode.CONV_AGAIN
    return ReturnCode.INCOMPLETE if again else refusal.code
