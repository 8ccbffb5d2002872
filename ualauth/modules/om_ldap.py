"""The module om_ldap: an LDAP directory or Active Directory decides.

How and whom is in om_ldap.conf, which is read when the service is compiled.
Here is what PAM has to do with it: tokens, what one operation hands to the
next, return codes. The rules are in `ualauth.ldap.rules`, the client in
`ualauth.ldap.client`. It is longer than others so that all three operations stand
in one place: each relies on what the one before it has left.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ClassVar, NamedTuple

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.contract.credentials import NameKind
from ualauth.contract.judgement import Judgement
from ualauth.ldap.client.faults import DirectoryFault, TimedOut, Unreachable
from ualauth.ldap.client.shared import Directories
from ualauth.ldap.config.configuration import Configuration
from ualauth.ldap.config.reading import read
from ualauth.ldap.config.variables import OR_NAME, who
from ualauth.ldap.rules.answers import NAMELESS, of_policy
from ualauth.ldap.rules.authenticator import LdapAuthenticator, LdapUser
from ualauth.ldap.rules.identity import person, user_of
from ualauth.ldap.rules.remembered import REMEMBERED, RememberedLogins, RememberedLoginsOf
from ualauth.ldap.rules.search import name_beforehand
from ualauth.messages import Error
from ualauth.module import (
    Abort,
    Attempt,
    Files,
    Module,
    Simulated,
    Situation,
    TokenOptions,
    immediate,
)
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sources.problem import Problem
from ualauth.userlist.login.elsewhere import REASONS_OF_GUESSES, begin_elsewhere, end_elsewhere
from ualauth.userlist.login.outage import OutageCache, OutageCaches, Remembered

log = logging.getLogger("ualauth.modules.om_ldap")

_SUCCESS = ReturnCode.SUCCESS
_UNAVAILABLE = ReturnCode.AUTHINFO_UNAVAIL
_EXPIRED = ReturnCode.NEW_AUTHTOK_REQD


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(TokenOptions):
    """What a stack line may set."""

    config: Annotated[
        str,
        "The file that says how; a relative path is one in the configuration folder.",
        "config=PATH",
    ] = "om_ldap.conf"
    ignore_unknown_user: Annotated[
        bool,
        "Leave whom the directory does not know to the other modules.",
    ] = False
    ignore_authinfo_unavail: Annotated[
        bool,
        "Leave every user to the other modules while the directory cannot be asked.",
    ] = False


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class _LoginState:
    """What one operation hands to the next."""

    typed: str
    """The user before the directory was asked ..."""
    user: str
    """... and as whom the person came in."""
    case: LdapUser | None = field(repr=False)
    """`None` for a user who was let in from the cache."""
    expired: bool = False
    """Whether the password was right, and too old to bind with."""


class _Used(NamedTuple):
    """What an entry uses of its application, until that is closed."""

    directories: Directories
    authenticator: LdapAuthenticator
    outage: OutageCache | None
    remembered: RememberedLogins | None


class OmLdap(Module[Options]):
    """Ask an LDAP directory or Active Directory: passwords, accounts, changes."""

    options_type = Options
    confirms_user = True
    proves_password = True
    reasons: ClassVar[Reasons] = {
        **REASONS_OF_GUESSES,
        ReasonCode.WRONG_PASSWORD: (ReturnCode.AUTH_ERR,),
        ReasonCode.USER_UNKNOWN: (ReturnCode.USER_UNKNOWN,),
        ReasonCode.NO_PASSWORD: (ReturnCode.AUTH_ERR,),
        ReasonCode.LOCKED: (ReturnCode.MAXTRIES, ReturnCode.PERM_DENIED),
        ReasonCode.INACTIVE: (ReturnCode.PERM_DENIED, ReturnCode.ACCT_EXPIRED),
        ReasonCode.ACCOUNT_EXPIRED: (ReturnCode.ACCT_EXPIRED,),
        ReasonCode.NOT_YET_VALID: (ReturnCode.PERM_DENIED,),
        ReasonCode.PASSWORD_EXPIRED: (ReturnCode.NEW_AUTHTOK_REQD, ReturnCode.PERM_DENIED),
        ReasonCode.PASSWORD_MUST_CHANGE: (ReturnCode.NEW_AUTHTOK_REQD,),
        ReasonCode.NOT_IN_HOURS: (ReturnCode.PERM_DENIED,),
        ReasonCode.SOURCE_NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
        ReasonCode.SERVICE_NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
        ReasonCode.NOT_IN_GROUP: (ReturnCode.PERM_DENIED,),
        ReasonCode.CONDITION_FAILED: (ReturnCode.PERM_DENIED,),
        ReasonCode.NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
        ReasonCode.PASSWORD_UNSUITABLE: (ReturnCode.AUTHTOK_ERR,),
        ReasonCode.PASSWORD_NOT_CHANGEABLE: (ReturnCode.PERM_DENIED, ReturnCode.AUTHTOK_ERR),
        ReasonCode.DIRECTORY_UNAVAILABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
        ReasonCode.MISCONFIGURED: (ReturnCode.AUTHINFO_UNAVAIL,),
    }

    _configuration: Configuration
    _parts: bool
    """Whether a filter or a name has a place for a part of an O/R name."""
    _data: str
    """Under which name one operation leaves its state to the next."""
    _used: _Used | None = None

    def configure(self, files: Files) -> Sequence[Problem]:
        """Read om_ldap.conf, and what it names."""
        options = self.options
        self.may_ignore = options.ignore_unknown_user or options.ignore_authinfo_unavail
        configuration, problems = read(self.options.config, files)
        if configuration is not None:
            self._configuration = configuration
            self._parts = not configuration.names.isdisjoint(OR_NAME)
            self._data = f"om_ldap: {configuration.digest}"
        return problems

    def _using(self, attempt: Attempt) -> _Used:
        """Return what the application has opened for this entry."""
        directories, used = attempt.resource(Directories), self._used
        if used is None or used.directories is not directories:
            configuration = self._configuration
            authenticator = LdapAuthenticator(configuration, directories.of(configuration.settings))
            outage = attempt.resource(OutageCaches).of(configuration.digest, configuration.outage)
            remembered = attempt.resource(RememberedLoginsOf).of(configuration)
            used = self._used = _Used(directories, authenticator, outage, remembered)
        return used

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Verify the password by the directory."""

        async def decide() -> ReturnCode:
            await attempt.get_user()
            return await self.options.verify(attempt, partial(self._check, attempt))

        return await self._answered(attempt, decide)

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: a directory has no credentials to establish."""
        return ReturnCode.SUCCESS

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        """Say who is locked out; what the directory would say is not known."""
        from ualauth.userlist.login.supposed import suppose_locked  # noqa: PLC0415 - no login needs it

        if attempt.operation is not Operation.AUTHENTICATE or attempt.exchange is not None:
            return None
        await attempt.get_user()
        await self.options.token(attempt)
        values = await self._values(attempt)
        name = name_beforehand(self._configuration.finding, values)
        return await suppose_locked(attempt, situation, name)

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Refuse whose account may not be used; require a new password where it is time."""
        # Whom the directory has let in, it has to judge: no other module may say yes in its place.
        mine = self._state(attempt, attempt.user or "") is not None
        return await self._answered(attempt, lambda: self._account(attempt), ignoring=not mine)

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Verify the old password in the first pass, change it in the second."""
        return await self._answered(attempt, lambda: self._change(attempt))

    # The operations

    async def _check(self, attempt: Attempt, password: str) -> ReturnCode:
        """Return what a password amounts to; vouch for whom it belongs to."""
        values = await self._values(attempt)
        user = values["user"]
        used = self._using(attempt)

        async def begin(whom: str) -> None:
            await begin_elsewhere(attempt, whom, password)

        try:
            judgement, case = await used.authenticator.verify(
                attempt, values, password, begin, used.remembered
            )
        except (Unreachable, TimedOut) as fault:
            await begin(user)
            return await self._from_memory(attempt, user, password, fault)
        await end_elsewhere(attempt, attempt.guess, judgement.code)
        code = await judgement.tell(attempt)
        if code is not _SUCCESS or case is None:
            if used.outage is not None:
                await used.outage.refuse(attempt, user, password, code)
            return code
        who_it_is = await self._vouch(attempt, case)
        if who_it_is is None:
            return await self._nameless(attempt, case)
        if used.outage is not None and judgement is not REMEMBERED:
            await used.outage.remember(attempt, user, password, who_it_is)
        if judgement is not REMEMBERED:
            attempt.prove_password(password)
        return _SUCCESS

    async def _vouch(self, attempt: Attempt, case: LdapUser) -> Remembered | None:
        """Say who it is, under the name that the directory has, if it says one."""
        if not await self._confirm(attempt, case):
            return None
        return await self._vouch_as(attempt, case, case.values["user"])

    async def _confirm(self, attempt: Attempt, case: LdapUser) -> bool:
        """Make the user whom the entry names, if it names one."""
        name = case.name
        account = await attempt.get_record(needed=False)
        if account is not None:
            attribute = self._configuration.finding.login_attribute
            name = user_of(case.entry, name, account.user.authid, attribute)
        if name is None:
            return False
        await attempt.confirm_user(name)
        return True

    async def _vouch_as(self, attempt: Attempt, case: LdapUser, typed: str) -> Remembered:
        """Vouch for the user that is confirmed, with what the entry has."""
        account = await attempt.get_record(needed=False)
        user = attempt.user or ""
        attempt.set_data(self._data, _LoginState(typed, user, case))
        by_userlist = None if account is None else account.person
        attributes = self._configuration.attributes
        user_person = person(user, by_userlist, case.entry, attributes)
        attempt.vouch(user_person)
        return Remembered(user, user_person)

    async def _nameless(self, attempt: Attempt, case: LdapUser) -> ReturnCode:
        """Refuse a user without a name; a server may not say it before the password is changed."""
        later = of_policy(case.policy)
        expired = later is not None and later.code is _EXPIRED
        return await (later if expired and later else NAMELESS).tell(attempt)

    async def _account(self, attempt: Attempt) -> ReturnCode:
        user = await attempt.get_user()
        state = self._state(attempt, user)
        if state is not None and state.case is None:
            return self._account_from_memory(attempt, state.typed)
        case = None if state is None else state.case
        used = self._using(attempt)
        if case is None:
            answer = await used.authenticator.look_up(attempt, await self._values(attempt))
            if isinstance(answer, Judgement):
                return await answer.tell(attempt)
            case = answer
        judgement = await used.authenticator.judge(attempt, case)
        if judgement.code is _SUCCESS and not attempt.delegated:
            judgement = of_policy(case.policy) or judgement
        if used.outage is not None:
            used.outage.allow(
                case.values["user"], attempt.service, allowed=judgement.code is _SUCCESS
            )
        code = await judgement.tell(attempt)
        if code is not _SUCCESS or state is not None:
            return code
        if attempt.name_kind is NameKind.AUTHID:
            # Another module has proof of who it is: the directory says whether that one may.
            await self._vouch_as(attempt, case, user)
        elif await self._vouch(attempt, case) is None:
            return await self._nameless(attempt, case)
        return _SUCCESS

    async def _change(self, attempt: Attempt) -> ReturnCode:
        user = await attempt.get_user()
        prohibited = self._configuration.changing.prohibited
        if prohibited:
            return await Judgement(
                ReturnCode.PERM_DENIED,
                "pam_password_prohibit_message is set",
                prohibited,
                reason=ReasonCode.PASSWORD_NOT_CHANGEABLE,
            ).tell(attempt)
        state = self._state(attempt, user, self._old)
        if state is None or state.case is None or attempt.flags & Flag.PRELIM_CHECK:
            old = await self.options.token(attempt, Item.OLDAUTHTOK)

            async def begin(whom: str) -> None:
                await begin_elsewhere(attempt, whom, old)

            values = await self._values(attempt)
            judgement, case = await self._using(attempt).authenticator.verify(
                attempt, values, old, begin
            )
            await end_elsewhere(attempt, attempt.guess, judgement.code)
            expired = judgement.code is _EXPIRED
            if judgement.code is not _SUCCESS and not expired:
                return await judgement.tell(attempt)
            judgement.note(attempt)
            if case is None:
                why = "only a service (binddn) can change a password that has expired"
                attempt.explain(ReasonCode.PASSWORD_NOT_CHANGEABLE, why)
                return ReturnCode.AUTHTOK_ERR
            if attempt.name_kind is not NameKind.AUTHID:
                await self._confirm(attempt, case)
            state = _LoginState(case.values["user"], await attempt.get_user(), case, expired)
            attempt.set_data(self._old, state)
        assert state.case is not None  # noqa: S101 - for mypy
        if attempt.flags & Flag.CHANGE_EXPIRED_AUTHTOK and not await self._is_due(attempt, state):
            return ReturnCode.IGNORE
        if attempt.flags & Flag.PRELIM_CHECK:
            return _SUCCESS
        return await self._write(attempt, state.case)

    async def _write(self, attempt: Attempt, case: LdapUser) -> ReturnCode:
        old = await attempt.get_authtok(Item.OLDAUTHTOK, use_only_present=True)
        new = await self.options.new_token(attempt)
        if not new or new == old:
            why = "it must differ from the old one" if new else "it must not be empty"
            attempt.explain(ReasonCode.PASSWORD_UNSUITABLE, f"the new password was refused: {why}")
            await attempt.tell(Error(f"The new password was refused: {why}."))
            return ReturnCode.AUTHTOK_ERR
        judgement = await self._using(attempt).authenticator.change(attempt, case, old, new)
        if (outage := self._using(attempt).outage) is not None:
            outage.forget(case.values["user"], *([case.name] if case.name else []))
        return await judgement.tell(attempt)

    async def _is_due(self, attempt: Attempt, state: _LoginState) -> bool:
        """Return whether the password has expired, or must be changed for another reason."""
        if state.expired or state.case is None:
            return state.expired
        later = of_policy(state.case.policy)
        graced = state.case.policy.grace_left is not None
        if graced or (later is not None and later.code is _EXPIRED):
            return True
        return (
            await self._using(attempt).authenticator.judge(attempt, state.case)
        ).code is _EXPIRED

    # Outages

    async def _from_memory(
        self, attempt: Attempt, user: str, password: str, fault: DirectoryFault
    ) -> ReturnCode:
        outage = self._using(attempt).outage
        if outage is None or not password:
            raise fault
        account = await outage.verify(attempt, user, password)
        if account is None:
            if outage.has(user):
                # The right one would have been answered: this one counts.
                await end_elsewhere(attempt, attempt.guess, ReturnCode.AUTH_ERR)
            raise fault
        await end_elsewhere(attempt, attempt.guess, _SUCCESS)
        attempt.remark(f"let in from memory, since no server can be reached: {fault}")
        log.warning("%s: %a is let in from memory: %s", attempt.service, user, fault)
        await attempt.confirm_user(account.user)
        attempt.set_data(self._data, _LoginState(user, await attempt.get_user(), None))
        attempt.vouch(account.person)
        return _SUCCESS

    def _account_from_memory(self, attempt: Attempt, user: str) -> ReturnCode:
        outage = self._using(attempt).outage
        if outage is not None and outage.may(user, attempt.service):
            attempt.remark("the account was allowed when the directory was asked for the last time")
            return _SUCCESS
        why = "no server can be reached, and the account was never asked for here"
        attempt.explain(ReasonCode.DIRECTORY_UNAVAILABLE, why)
        return _UNAVAILABLE

    # What all operations share

    async def _answered(
        self,
        attempt: Attempt,
        decide: Callable[[], Awaitable[ReturnCode]],
        *,
        ignoring: bool = True,
    ) -> ReturnCode:
        """Return the code of an operation, as the options of the line want it."""
        try:
            code = await decide()
        except DirectoryFault as fault:
            attempt.explain(ReasonCode.DIRECTORY_UNAVAILABLE, str(fault))
            ignored = ignoring and self.options.ignore_authinfo_unavail
            return ReturnCode.IGNORE if ignored else _UNAVAILABLE
        # A directory that was asked, and whose answer cannot be understood, is never ignored.
        ignored = ignoring and self.options.ignore_unknown_user
        return ReturnCode.IGNORE if ignored and code is ReturnCode.USER_UNKNOWN else code

    async def _values(self, attempt: Attempt) -> dict[str, str]:
        """Return what is known of the user before the directory is asked."""
        account = await attempt.get_record(needed=False)
        user, known = attempt.user or "", None if account is None else account.user
        return who(user, known, attempt.login_name, parts=self._parts)

    @property
    def _old(self) -> str:
        return f"{self._data}, old password"

    def _state(self, attempt: Attempt, user: str, name: str = "") -> _LoginState | None:
        """Return what an earlier operation found out about this user."""
        try:
            state = attempt.get_data(name or self._data)
        except Abort:
            return None
        return state if isinstance(state, _LoginState) and state.user == user else None
