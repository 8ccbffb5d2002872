"""The module om_auth: the USERLIST decides (UL-PWD, restrictions, policy, change of password).

A user whom the USERLIST does not know, or who has no password there, costs
the time of a real verification, and so does a wrong password that is stored
under a cheaper scheme than today's: how long a refusal takes tells nothing.
So a refusal reads the record and counts the failure, for every user; only the
right password, verified before, is answered from memory.

This file asks; what is counted (`counting`), judged of an account (`judging`)
and done with a new password (`replacing`) is in `ualauth.userlist`, and what a
SASL exchange proves in `ualauth.userlist.login.exchange`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from functools import partial
from typing import Annotated

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.contract.credentials import CredentialKind
from ualauth.module import Abort, Attempt, Module, Repeatable, Situation, TokenOptions, immediate
from ualauth.passwords.schemes import PasswordHasher
from ualauth.reasons import ReasonCode
from ualauth.system.networks import source_of
from ualauth.text.dataclass import dataclass
from ualauth.userlist.cache import Account, UserCache
from ualauth.userlist.login.account import age, is_unremarkable, restricted, supposed_age
from ualauth.userlist.login.change import replace_password
from ualauth.userlist.login.elsewhere import REASONS_OF_GUESSES
from ualauth.userlist.login.exchange import prove
from ualauth.userlist.login.learning import learner_of
from ualauth.userlist.login.lockout import judge, open_guess
from ualauth.userlist.login.once import check_password
from ualauth.userlist.login.repeatable import account_repeatable, password_repeatable
from ualauth.userlist.login.verify import REMEMBERED, fill, rewrite
from ualauth.userlist.record import User

_SUCCESS = ReturnCode.SUCCESS
_AUTHENTICATE = Operation.AUTHENTICATE
_ACCT_MGMT = Operation.ACCT_MGMT
_VERIFIED = "om_auth: user whose old password was verified"
_LOGGED_IN = "om_auth: user whose password was verified"

_REASONS = {
    **REASONS_OF_GUESSES,
    ReasonCode.NOT_COUNTED: (ReturnCode.AUTHINFO_UNAVAIL,),
    ReasonCode.USER_UNKNOWN: (ReturnCode.USER_UNKNOWN, ReturnCode.CRED_UNAVAIL),
    ReasonCode.WRONG_PASSWORD: (ReturnCode.AUTH_ERR,),
    ReasonCode.WRONG_PROOF: (ReturnCode.AUTH_ERR,),
    ReasonCode.NO_PASSWORD: (ReturnCode.AUTH_ERR,),
    ReasonCode.NO_SECRET: (ReturnCode.CRED_UNAVAIL,),
    ReasonCode.CREDENTIAL_NOT_JUDGED: (ReturnCode.CRED_UNAVAIL,),
    ReasonCode.WRONG_USER: (ReturnCode.USER_UNKNOWN,),
    ReasonCode.LOCKED: (ReturnCode.PERM_DENIED,),
    ReasonCode.ACCOUNT_EXPIRED: (ReturnCode.ACCT_EXPIRED,),
    ReasonCode.NOT_YET_VALID: (ReturnCode.PERM_DENIED,),
    ReasonCode.SERVICE_NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
    ReasonCode.MECHANISM_NOT_OFFERED: (ReturnCode.PERM_DENIED,),
    ReasonCode.SOURCE_NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
    ReasonCode.NOT_IN_HOURS: (ReturnCode.PERM_DENIED,),
    ReasonCode.PASSWORD_EXPIRED: (
        ReturnCode.NEW_AUTHTOK_REQD,
        ReturnCode.AUTHTOK_EXPIRED,
        ReturnCode.PERM_DENIED,
    ),
    ReasonCode.PASSWORD_MUST_CHANGE: (ReturnCode.NEW_AUTHTOK_REQD,),
    ReasonCode.PASSWORD_UNSUITABLE: (ReturnCode.AUTHTOK_ERR,),
    ReasonCode.PASSWORD_NOT_CHANGEABLE: (ReturnCode.AUTHTOK_ERR,),
    ReasonCode.CHANGED_MEANWHILE: (ReturnCode.AUTHTOK_LOCK_BUSY, ReturnCode.USER_UNKNOWN),
    ReasonCode.USERLIST_UNAVAILABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(TokenOptions):
    """What a stack line may set."""

    nullok: Annotated[bool, "Let users without a password in with an empty one."] = False
    learn: Annotated[
        bool,
        "Leave users without a password to the entries below, and store the password that one of "
        "them proves, once the login is granted.",
    ] = False

    def __post_init__(self) -> None:
        """Refuse options that do not go together."""
        if self.learn and self.nullok:
            raise ValueError(
                "'nullok' beside 'learn' lets any client in as a user who has not moved: remove it"
            )


class OmAuth(Module[Options]):
    """Check people against the USERLIST: password, restrictions; and change passwords."""

    options_type = Options
    may_ignore = False

    verifies = frozenset({CredentialKind.PASSWORD, CredentialKind.SCRAM, CredentialKind.CRAM_MD5})
    reasons = _REASONS

    def __init__(self, options: Options) -> None:
        """Leave users without a password to other entries only where it learns."""
        super().__init__(options)
        self.may_ignore = options.learn

    def repeatable(
        self, attempt: Attempt, operation: Operation, code: ReturnCode
    ) -> Repeatable | None:
        """Return on what a success depends beside the record; a refusal counts, and is none."""
        account: Account | None = attempt.record_at_hand()
        if code is not _SUCCESS or account is None or attempt.exchange is not None:
            return None
        if operation is _ACCT_MGMT:
            return account_repeatable(attempt, account)
        password = attempt.authtok_at_hand()
        if operation is not _AUTHENTICATE or password is None:
            return None
        return password_repeatable(attempt, account, password)

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode | Awaitable[ReturnCode]:
        """Compare the password with UL-PWD; one that was verified before, at once."""
        if (exchange := attempt.exchange) is not None:
            return prove(attempt, exchange, _vouch)
        account: Account | None = attempt.record_at_hand()
        if account is not None:
            only_present = self.options.use_first_pass
            password = attempt.authtok_at_hand(use_only_present=only_present)
            if password is not None and self._is_known(attempt, account, password):
                _vouch(attempt, account)
                return _SUCCESS
        return self._authenticate(attempt)

    def _is_known(self, attempt: Attempt, account: Account, password: str) -> bool:
        """Return whether nothing has to be asked or counted, for sure."""
        cache = attempt.resource(UserCache)
        if account.policy.lockout.failures and not (
            cache.guesses.is_quiet
            and cache.has_no_failures(account, attempt.login_name, source_of(attempt.rhost))
        ):
            return False
        if not cache.knows(account, password):
            return False
        attempt.remark(REMEMBERED.log)
        return True

    async def _authenticate(self, attempt: Attempt) -> ReturnCode:
        await attempt.get_user()
        return await self.options.verify(attempt, partial(self._check, attempt))

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: the USERLIST has no credentials to establish."""
        return ReturnCode.SUCCESS

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode | Awaitable[ReturnCode]:
        """Refuse who is restricted; require a new password where the old one expired."""
        name = attempt.user
        account: Account | None = attempt.record_at_hand()
        if (
            account is not None
            and is_unremarkable(attempt, account)
            and not _is_another(attempt, name, account)
        ):
            attempt.vouch(account.person)
            return _SUCCESS
        return self._acct_mgmt(attempt, name)

    async def _acct_mgmt(
        self, attempt: Attempt, name: str | None, moment: datetime | None = None
    ) -> ReturnCode:
        """Judge the account now; or at a moment, for a login that is only supposed."""
        account: Account | None = await attempt.get_record()
        if account is None:
            attempt.explain(ReasonCode.USER_UNKNOWN, "not in the USERLIST, or not the only one")
            return ReturnCode.USER_UNKNOWN
        if _is_another(attempt, name, account):
            attempt.explain(
                ReasonCode.WRONG_USER,
                "the name has become another user's since the password was verified",
            )
            return ReturnCode.USER_UNKNOWN
        code = await restricted(attempt, account, moment)
        if code is ReturnCode.SUCCESS and not attempt.delegated:
            if moment is None:
                code = await age(attempt, account)
            else:
                code = await supposed_age(attempt, account, moment)
        if code is ReturnCode.SUCCESS:
            attempt.vouch(account.person)
        return code

    async def simulate(self, attempt: Attempt, situation: Situation) -> ReturnCode:
        """Judge the record, the failures and the account as they are; nothing is counted."""
        if attempt.operation is Operation.ACCT_MGMT:
            return await self._acct_mgmt(attempt, attempt.user, situation.moment)
        from ualauth.userlist.login.supposed import suppose_exchange, suppose_password  # noqa: PLC0415 - no login needs it

        if (exchange := attempt.exchange) is not None:
            return await suppose_exchange(attempt, situation, exchange, _vouch)
        options = self.options
        return await suppose_password(attempt, situation, options, _vouch, learn=options.learn)

    async def open_session(self, attempt: Attempt) -> ReturnCode:
        """Succeed for every user whom the USERLIST knows."""
        account: Account | None = await attempt.get_record()
        if account is None:
            attempt.explain(ReasonCode.USER_UNKNOWN, "not in the USERLIST, or not the only one")
            return ReturnCode.USER_UNKNOWN
        return ReturnCode.SUCCESS

    close_session = open_session

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Verify the old password in the first pass, write the new one in the second."""
        account: Account | None = await attempt.get_record()
        user = _verified_user(attempt, account)
        if account is None or user is None or attempt.flags & Flag.PRELIM_CHECK:
            code = await self._verify_old(attempt)
            account = await attempt.get_record()
            if code is not ReturnCode.SUCCESS or account is None:
                return code
            user = account.user
            attempt.set_data(_VERIFIED, user)
        rules, use_authtok = account.policy.password, self.options.use_authtok
        return await replace_password(attempt, user, rules, use_authtok=use_authtok)

    async def _verify_old(self, attempt: Attempt) -> ReturnCode:
        """Return whether a user with this old password may change it at all."""
        code = await self._check(attempt, await self.options.token(attempt, Item.OLDAUTHTOK))
        account: Account | None = await attempt.get_record()
        if code is ReturnCode.SUCCESS and account is not None:
            code = await restricted(attempt, account)
        return code

    async def _check(self, attempt: Attempt, password: str) -> ReturnCode:
        """Return what a password amounts to; vouch for whom it belongs to."""
        cache = attempt.resource(UserCache)
        account: Account | None = await attempt.get_record()
        remembered = account is not None and cache.knows(account, password)
        guess = open_guess(attempt, account, password, remembered=remembered)
        if not remembered:
            before, account = account, await attempt.get_record(anew=True)
            if _id_of(before) != _id_of(account):
                guess = open_guess(attempt, account, password, remembered=False)
        if guess is not None:
            guess.offline = account is not None and account.stale
        null_allowed = self.options.nullok and not attempt.flags & Flag.DISALLOW_NULL_AUTHTOK
        comparison = await check_password(
            attempt, guess, account, password, remembered=remembered, null_allowed=null_allowed
        )
        comparison.note(attempt)
        code = await judge(attempt, guess, account, comparison)
        if code is not ReturnCode.SUCCESS or account is None:
            learner = learner_of(account, password, guess, code) if self.options.learn else None
            if learner is None:
                return code
            attempt.remark("the user has not moved: the other entries decide")
            attempt.learner = learner
            return ReturnCode.IGNORE
        hasher = attempt.resource(PasswordHasher)
        if comparison.matched:
            cache.remember(account, password)
            await attempt.compute(fill, cache.store, hasher, account.user, password)
        if comparison.outdated:
            await attempt.compute(rewrite, cache.store, hasher, account.user, password)
        _vouch(attempt, account)
        return ReturnCode.SUCCESS


def _id_of(account: Account | None) -> int | None:
    return None if account is None else account.user.id


def _vouch(attempt: Attempt, account: Account) -> None:
    """Vouch for a user whose password was verified."""
    attempt.set_data(_LOGGED_IN, account.user)
    attempt.vouch(account.person)


def _is_another(attempt: Attempt, name: str | None, account: Account) -> bool:
    """Return whether the name has become another user's since the password was verified."""
    try:
        user: User = attempt.get_data(_LOGGED_IN)
    except Abort:
        return False
    return user is not account.user and user.authid == name and user.id != account.user.id


def _verified_user(attempt: Attempt, account: Account | None) -> User | None:
    """Return the user whose old password the first pass verified, if it is the same."""
    try:
        user = attempt.get_data(_VERIFIED)
    except Abort:
        return None
    same = isinstance(user, User) and account is not None and user.id == account.user.id
    return user if same else None
