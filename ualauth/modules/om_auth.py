"""The module om_auth: the USERLIST decides (UL-PWD, restrictions, policy, change of password).

Somebody whom the USERLIST does not know, or who has no password there, costs
the time of a real verification, and so does a wrong password that is stored
under a cheaper scheme than today's: how long a refusal takes tells nothing.
So a refusal reads the record and counts the failure, whoever it is; only the
right password, verified before, is answered from memory.

This file asks; what is counted (`counting`), judged of an account (`judging`)
and done with a new password (`replacing`) is in `ualauth.userlist`, and what a
SASL exchange proves in `ualauth.userlist.login.exchange`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated

from ualauth.codes import Flag, Item, ReturnCode
from ualauth.contract.credentials import Proof
from ualauth.module import Attempt, Module, Refusal, immediate
from ualauth.passwords.schemes import PasswordHasher
from ualauth.system.networks import source_of
from ualauth.userlist.cache import Known, UserCache
from ualauth.userlist.elsewhere import take_turn
from ualauth.userlist.guess import Guess
from ualauth.userlist.login.account import age, is_unremarkable, restricted
from ualauth.userlist.login.change import replace_password
from ualauth.userlist.login.exchange import prove
from ualauth.userlist.login.lockout import judge, open_guess
from ualauth.userlist.login.verify import REMEMBERED, Comparison, compare, fill, rewrite
from ualauth.userlist.record import User

_SUCCESS = ReturnCode.SUCCESS
_FROM_MEMORY = Comparison(
    _SUCCESS, "the USERLIST cannot be read; password verified before", remembered=True
)
_UNREADABLE = Comparison(ReturnCode.AUTHINFO_UNAVAIL, "the USERLIST cannot be read")
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
            return prove(attempt, exchange, _vouch)
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
        if known.policy.lockout.failures and not (
            cache.guesses.is_quiet
            and cache.is_clear(known, attempt.login_name, source_of(attempt.rhost))
        ):
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
        if (
            known is not None
            and is_unremarkable(attempt, known)
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
        code = await restricted(attempt, known)
        if code is ReturnCode.SUCCESS and not attempt.delegated:
            code = await age(attempt, known)
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
            if known is None or user is None or attempt.flags & Flag.PRELIM_CHECK:
                code = await self._verify_old(attempt)
                known = await attempt.get_record()
                if code is not ReturnCode.SUCCESS or known is None:
                    return code
                user = known.user
                attempt.set_data(_VERIFIED, user)
            rules, use_authtok = known.policy.password, self.options.use_authtok
            return await replace_password(attempt, user, rules, use_authtok=use_authtok)
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
            code = await restricted(attempt, known)
        return code

    async def _password(self, attempt: Attempt) -> str:
        return await attempt.get_authtok(use_only_present=self.options.use_first_pass)

    async def _check(self, attempt: Attempt, password: str) -> ReturnCode:
        """Return what a password amounts to; vouch for whom it belongs to."""
        cache = attempt.resource(UserCache)
        known = await attempt.get_record()
        remembered = known is not None and cache.knows(known, password)
        guess = open_guess(attempt, known, password, remembered=remembered)
        if not remembered:
            before, known = known, await attempt.get_record(anew=True)
            if _id_of(before) != _id_of(known):
                guess = open_guess(attempt, known, password, remembered=False)
        if guess is not None:
            guess.offline = known is not None and known.stale
            await take_turn(attempt, guess, guess.look if remembered else guess.reserve)
        if known is not None and known.stale:
            # Within the outage grace, only a remembered password is believed.
            found = _FROM_MEMORY if remembered else _UNREADABLE
        elif remembered:
            found = REMEMBERED
        else:
            found = await self._compare(attempt, guess, known, password)
        attempt.remark(found.why)
        code = await judge(attempt, guess, known, password, found)
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

    async def _compare(
        self, attempt: Attempt, guess: Guess | None, known: Known | None, password: str
    ) -> Comparison:
        null_allowed = self.options.nullok and not attempt.flags & Flag.DISALLOW_NULL_AUTHTOK
        user = None if known is None else known.user
        hasher = attempt.resource(PasswordHasher)
        if guess is None:
            return await attempt.compute(compare, hasher, user, password, null_allowed)
        return await attempt.compute(guess.run, compare, hasher, user, password, null_allowed)


def _id_of(known: Known | None) -> int | None:
    return None if known is None else known.user.id


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


def _resumable(refusal: Refusal) -> ReturnCode:
    """Return what to answer: a person who has not answered yet will be asked again."""
    again = refusal.code is ReturnCode.CONV_AGAIN
    return ReturnCode.INCOMPLETE if again else refusal.code
