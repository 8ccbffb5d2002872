"""The module om_sql: a row of another program's database decides.

How and whom is in om_sql.conf, which is read when the service is compiled. Here is what PAM has
to do with it: tokens, what one operation hands to the next, return codes. The query, the drivers
and the rules are in `ualauth.sql`. Nothing is ever written to the database.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ClassVar, NamedTuple

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.credentials import NameKind
from ualauth.contract.identity import Person
from ualauth.contract.judgement import Judgement
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
from ualauth.passwords.schemes import PasswordHasher
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sources.problem import Problem
from ualauth.sql.config.configuration import SqlConfiguration
from ualauth.sql.config.reading import FILE_NAME, read
from ualauth.sql.database import Database
from ualauth.sql.faults import SqlFault, TimedOut, Unreachable
from ualauth.sql.rules.access import judge
from ualauth.sql.rules.lookup import look_up
from ualauth.sql.rules.names import values_of, written
from ualauth.sql.rules.user import SqlUser
from ualauth.sql.rules.verify import compare
from ualauth.sql.shared import Databases
from ualauth.userlist.login.elsewhere import REASONS_OF_GUESSES, begin_elsewhere, end_elsewhere
from ualauth.userlist.login.outage import OutageCache, OutageCaches, Remembered

log = logging.getLogger("ualauth.modules.om_sql")

_SUCCESS = ReturnCode.SUCCESS
_UNAVAILABLE = ReturnCode.AUTHINFO_UNAVAIL


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(TokenOptions):
    """What a stack line may set."""

    config: Annotated[
        str,
        "The file that says how; a relative path is one in the configuration folder.",
        "config=PATH",
    ] = FILE_NAME
    ignore_unknown_user: Annotated[
        bool,
        "Leave whom the database does not know to the other modules.",
    ] = False
    ignore_authinfo_unavail: Annotated[
        bool,
        "Leave every user to the other modules while the database cannot be asked.",
    ] = False


@dataclass(slots=True)
class _LoginState:
    """What one operation hands to the next: as whom the user came in, and the row."""

    typed: str
    user: str
    row: SqlUser | None = field(repr=False)
    """`None` for a user who was let in from memory."""


class _Used(NamedTuple):
    """What an entry uses of its application, until that is closed."""

    databases: Databases
    database: Database
    outage: OutageCache | None


class OmSql(Module[Options]):
    """Ask a database of another program by one query: passwords and accounts."""

    options_type = Options
    confirms_user = True
    proves_password = True
    reasons: ClassVar[Reasons] = {
        **REASONS_OF_GUESSES,
        ReasonCode.WRONG_PASSWORD: (ReturnCode.AUTH_ERR,),
        ReasonCode.NO_PASSWORD: (ReturnCode.AUTH_ERR,),
        ReasonCode.USER_UNKNOWN: (ReturnCode.USER_UNKNOWN,),
        ReasonCode.LOCKED: (ReturnCode.PERM_DENIED,),
        ReasonCode.INACTIVE: (ReturnCode.PERM_DENIED,),
        ReasonCode.ACCOUNT_EXPIRED: (ReturnCode.ACCT_EXPIRED,),
        ReasonCode.SOURCE_NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
        ReasonCode.NOT_ALLOWED: (ReturnCode.PERM_DENIED,),
        ReasonCode.DATABASE_UNAVAILABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
    }

    _configuration: SqlConfiguration
    _data: str
    """Under which name one operation leaves its state to the next."""
    _used: _Used | None = None

    def configure(self, files: Files) -> Sequence[Problem]:
        """Read om_sql.conf, and what it names."""
        options = self.options
        self.may_ignore = options.ignore_unknown_user or options.ignore_authinfo_unavail
        configuration, problems = read(options.config, files)
        if configuration is not None:
            self._configuration = configuration
            self._data = f"om_sql: {configuration.digest}"
        return problems

    def _using(self, attempt: Attempt) -> _Used:
        """Return what the application has opened for this entry."""
        databases, used = attempt.resource(Databases), self._used
        if used is None or used.databases is not databases:
            configuration = self._configuration
            database = databases.of(configuration.settings)
            caches = attempt.resource(OutageCaches)
            outage = caches.of(configuration.digest, configuration.outage)
            used = self._used = _Used(databases, database, outage)
        return used

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Compare the password with that of the user's row."""

        async def decide() -> ReturnCode:
            await attempt.get_user()
            return await self.options.verify(attempt, partial(self._check, attempt))

        return await self._answered(attempt, decide)

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: a database has no credentials to establish."""
        return ReturnCode.SUCCESS

    async def simulate(self, attempt: Attempt, situation: Situation) -> Simulated:
        """Say who is locked out; what the database would say is not known."""
        from ualauth.userlist.login.supposed import suppose_locked  # noqa: PLC0415 - no login needs it

        if attempt.operation is not Operation.AUTHENTICATE or attempt.exchange is not None:
            return None
        await attempt.get_user()
        await self.options.token(attempt)
        # Others are counted by the name that their row has.
        return await suppose_locked(attempt, situation, None)

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Refuse whose account may not be used, as the row says."""
        # Whom the database has let in, it has to judge: no other module may say yes in its place.
        mine = self._state(attempt, attempt.user or "") is not None
        return await self._answered(attempt, lambda: self._account(attempt), ignoring=not mine)

    # The operations

    async def _check(self, attempt: Attempt, password: str) -> ReturnCode:
        """Return what a password amounts to; vouch for whom it belongs to."""
        user, used = attempt.user or "", self._using(attempt)
        try:
            row = await self._row(attempt)
        except (Unreachable, TimedOut) as fault:
            await begin_elsewhere(attempt, user, password)
            return await self._from_memory(attempt, user, password, fault)
        whom = row.name if isinstance(row, SqlUser) else user
        await begin_elsewhere(attempt, whom, password)
        judgement = await self._compare(attempt, row, password)
        await end_elsewhere(attempt, attempt.guess, judgement.code)
        if judgement.code is _SUCCESS and isinstance(row, SqlUser):
            attempt.remark(judgement.log)
            judgement = judge(row, attempt.rhost)
        code = await judgement.tell(attempt)
        if code is not _SUCCESS or not isinstance(row, SqlUser):
            if used.outage is not None:
                await used.outage.refuse(attempt, user, password, code)
            return code
        who_it_is = await self._vouch(attempt, row, user)
        if used.outage is not None:
            await used.outage.remember(attempt, user, password, who_it_is)
        attempt.prove_password(password)
        return _SUCCESS

    async def _compare(
        self, attempt: Attempt, row: SqlUser | Judgement, password: str
    ) -> Judgement:
        """Return what a password amounts to; where there is no user, what there is instead."""
        in_use = self._using(attempt).databases.in_use
        hasher = attempt.resource(PasswordHasher)
        stored = row.password if isinstance(row, SqlUser) else None
        judgement = await attempt.compute(compare, hasher, in_use, stored, password)
        return judgement if isinstance(row, SqlUser) else row

    async def _row(self, attempt: Attempt) -> SqlUser | Judgement:
        """Return what the database says of the user.

        Raises:
            SqlFault: if it cannot be asked.

        """
        account = await attempt.get_record(needed=False)
        user, login = attempt.user or "", attempt.login_name
        values = values_of(user, account, login, attempt.service, attempt.rhost)
        database = self._using(attempt).database
        row: SqlUser | Judgement = await attempt.offload(
            look_up, self._configuration, database, values
        )
        return row

    async def _vouch(self, attempt: Attempt, row: SqlUser, typed: str) -> Remembered:
        """Say who it is: whom the USERLIST knows by that name, or else whom the row names."""
        account = await attempt.get_record(needed=False)
        name = account.user.authid if account is not None else _canonical(row.name)
        await attempt.confirm_user(name)
        return await self._vouch_as(attempt, row, typed)

    async def _vouch_as(self, attempt: Attempt, row: SqlUser, typed: str) -> Remembered:
        """Vouch for the user that is confirmed."""
        account = await attempt.get_record(needed=False)
        user = attempt.user or ""
        attempt.set_data(self._data, _LoginState(typed, user, row))
        person = (
            Person(user, addresses=row.addresses, **row.person)
            if account is None
            else account.person
        )
        attempt.vouch(person)
        return Remembered(user, person)

    async def _account(self, attempt: Attempt) -> ReturnCode:
        user = await attempt.get_user()
        state = self._state(attempt, user)
        if state is not None and state.row is None:
            return self._account_from_memory(attempt, state.typed)
        row = await self._row(attempt) if state is None else state.row
        if not isinstance(row, SqlUser):
            assert row is not None  # noqa: S101 - for mypy
            return await row.tell(attempt)
        judgement = judge(row, attempt.rhost)
        outage = self._using(attempt).outage
        if outage is not None:
            typed = user if state is None else state.typed
            outage.allow(typed, attempt.service, allowed=judgement.code is _SUCCESS)
        code = await judgement.tell(attempt)
        if code is not _SUCCESS or state is not None:
            return code
        if attempt.name_kind is NameKind.AUTHID:
            # Another module has proof of who it is: the row says whether that one may.
            await self._vouch_as(attempt, row, user)
        else:
            await self._vouch(attempt, row, user)
        return _SUCCESS

    # Outages

    async def _from_memory(
        self, attempt: Attempt, user: str, password: str, fault: SqlFault
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
            attempt.remark("the account was allowed when the database was asked for the last time")
            return _SUCCESS
        why = "no server can be reached, and the account was never asked for here"
        attempt.explain(ReasonCode.DATABASE_UNAVAILABLE, why)
        return _UNAVAILABLE

    # What both operations share

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
        except SqlFault as fault:
            attempt.explain(ReasonCode.DATABASE_UNAVAILABLE, str(fault))
            ignored = ignoring and self.options.ignore_authinfo_unavail
            return ReturnCode.IGNORE if ignored and fault.is_of_server else _UNAVAILABLE
        ignored = ignoring and self.options.ignore_unknown_user
        return ReturnCode.IGNORE if ignored and code is ReturnCode.USER_UNKNOWN else code

    def _state(self, attempt: Attempt, user: str) -> _LoginState | None:
        """Return what an earlier operation found out about this user."""
        try:
            state = attempt.get_data(self._data)
        except Abort:
            return None
        return state if isinstance(state, _LoginState) and state.user == user else None


def _canonical(name: str) -> str:
    """Return a name as it is vouched for: an address in lower case, as everywhere."""
    return written(name) if "@" in name else name
