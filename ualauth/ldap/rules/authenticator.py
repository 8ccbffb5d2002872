"""A login by a directory: whose entry it is, whether the password is right, and its change.

What raises a `DirectoryFault` could not be checked. An empty password is never
sent: a server would take it for a wish to be anonymous (RFC 4513, section 5.1.2).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import DirectoryFault, Unanswered
from ualauth.ldap.client.interface import BoundDirectory, Directory, DirectoryOperations
from ualauth.ldap.client.values import Answer, Attributes, How, LdapEntry, Policy, PolicyError
from ualauth.ldap.config.configuration import ChangeAs, Configuration, Method
from ualauth.ldap.rules.access import AccessAttempt, judge
from ualauth.ldap.rules.answers import (
    SUCCESS,
    UNKNOWN,
    WRONG,
    of_bind,
    of_change,
    of_change_by_service,
    of_policy,
)
from ualauth.ldap.rules.identity import canonical, written
from ualauth.ldap.rules.search import Plan, find, naming, plan, wanted
from ualauth.reasons import ReasonCode
from ualauth.stack.control import ascii_lower

NOTHING = Policy()
_EMPTY = Judgement(
    ReturnCode.AUTH_ERR, "an empty password is never sent", reason=ReasonCode.NO_PASSWORD
)
_NO_SERVICE = Judgement(
    ReturnCode.AUTHTOK_ERR,
    "only a service (binddn) can change a password that has expired",
    "Your password has expired and cannot be changed here.",
    reason=ReasonCode.PASSWORD_NOT_CHANGEABLE,
)


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class LdapUser:
    """What is known of a user whose entry was found, or who could bind."""

    entry: LdapEntry
    values: Mapping[str, str] = field(repr=False)
    bind_name: str
    """Whom to bind as."""
    policy: Policy = NOTHING
    bound: bool = False
    """Whether the directory has taken the password."""
    account: Judgement | None = None
    """What the account amounts to, where only the user may ask."""

    @property
    def name(self) -> str | None:
        """Who it is, as the directory says; `None` if it says nothing."""
        return self.values.get("uid")


class LdapAuthenticator:
    """The logins of one configuration."""

    def __init__(self, configuration: Configuration, directory: Directory) -> None:
        """Ask no server yet."""
        self.configuration = configuration
        self.directory = directory
        self._finding = configuration.finding
        self._wanted = wanted(configuration)
        self._naming = naming(configuration)

    async def verify(
        self,
        attempt: AccessAttempt,
        values: Mapping[str, str],
        password: str,
        begin: Callable[[str], Awaitable[None]],
    ) -> tuple[Judgement, LdapUser | None]:
        """Return what a password amounts to, and whose it is as far as known.

        `begin` is told whose password will be asked, by a name that the user has alone,
        before it is; what it raises is passed on.
        """
        if not password:
            return _EMPTY, None
        lookup = plan(self._finding, values)
        if isinstance(lookup, Plan) and lookup.bind_name is not None:
            await begin(ascii_lower(lookup.bind_name))
            return await self._bind(attempt, values, lookup, lookup.bind_name, password)
        entry: LdapEntry | Judgement = UNKNOWN
        if isinstance(lookup, Plan):
            entry = await find(self.directory, attempt, lookup.searches, self._wanted)
        else:
            entry = lookup
        if isinstance(entry, Judgement):
            await begin(values["user"])
            await self._dummy_verify(attempt, password)
            return entry, None
        await begin(ascii_lower(entry.dn))
        case = self._case(entry, values, entry.dn)
        if self._finding.method is Method.COMPARE:
            name, value = self._finding.password_attribute, password.encode()
            # No bind: of locks and dates the server has decided nothing.
            right = await self.directory.compare(attempt, entry.dn, name, value)
            return (SUCCESS if right else WRONG), case
        answer = await self.directory.bind(attempt, BindCredentials(entry.dn, password))
        case.policy, case.bound = answer.policy, answer.ok
        return of_bind(answer), case

    async def look_up(
        self, attempt: AccessAttempt, values: Mapping[str, str]
    ) -> LdapUser | Judgement:
        """Return a user without a password."""
        lookup = plan(self._finding, values)
        if isinstance(lookup, Judgement):
            return lookup
        entry = await find(self.directory, attempt, lookup.searches, self._wanted)
        if isinstance(entry, Judgement):
            return entry
        return self._case(entry, values, lookup.bind_name or entry.dn)

    async def judge(self, attempt: AccessAttempt, case: LdapUser) -> Judgement:
        """Return whether the account may be used."""
        if case.account is not None:
            return case.account
        return await self._judge(self.directory, attempt, case)

    async def _judge(
        self, operations: DirectoryOperations, attempt: AccessAttempt, case: LdapUser
    ) -> Judgement:
        return await judge(
            operations,
            attempt,
            self.configuration,
            case.entry,
            case.values,
            bound=case.bound,
            policy=case.policy,
        )

    def _case(self, entry: LdapEntry, values: Mapping[str, str], bind_name: str) -> LdapUser:
        name = canonical(entry, self._naming)
        return LdapUser(entry, values if name is None else {**values, "uid": name}, bind_name)

    async def change(self, attempt: AccessAttempt, case: LdapUser, old: str, new: str) -> Judgement:
        """Change a password whose old one was verified."""
        if not old:
            return _EMPTY
        changing, dn, how = (
            self.configuration.changing,
            case.entry.dn,
            self.configuration.changing.how,
        )
        async with self.directory.session(attempt, BindCredentials(case.bind_name, old)) as session:
            answer = session.answer
            by_service = changing.who is ChangeAs.SERVICE
            if answer.ok:
                if not by_service:
                    return of_change(await session.change_password(attempt, dn, old, new, how))
            elif of_bind(answer).code is not ReturnCode.NEW_AUTHTOK_REQD:
                return of_bind(answer)
            elif how is not How.UNICODE_PWD:
                # A server might say that it has expired whether it is right or not: so it is
                # changed in a way in which the server verifies the old one.
                how = How.EXOP
                done = None if by_service else await _try(session, attempt, dn, old, new)
                if done is not None:
                    return of_change(done)
        if not self.configuration.settings.has_service:
            return _NO_SERVICE
        done = await self.directory.change_password(attempt, dn, old, new, how)
        return of_change_by_service(done)

    async def _bind(
        self,
        attempt: AccessAttempt,
        values: Mapping[str, str],
        lookup: Plan,
        name: str,
        password: str,
    ) -> tuple[Judgement, LdapUser | None]:
        """Bind by name, and read the entry as that user."""
        async with self.directory.session(attempt, BindCredentials(name, password)) as session:
            answer = session.answer
            judgement = of_bind(answer)
            if not answer.ok:
                return judgement, await self._user_of_refused(attempt, values, lookup, judgement)
            entry = await self._own_entry(session, attempt, lookup)
            if not isinstance(entry, Judgement):
                case = self._case(entry, values, name)
            elif self._finding.method is Method.TEMPLATE:
                # There is an entry, since it could bind; it may not read itself.
                case = await self._case_as_told(session, attempt, values, name)
            else:
                return entry, None
            case = replace(case, policy=answer.policy, bound=True)
            if not self.configuration.settings.has_service:
                case = replace(case, account=await self._account(session, attempt, case))
            return judgement, case

    async def _account(
        self, session: BoundDirectory, attempt: AccessAttempt, case: LdapUser
    ) -> Judgement:
        """Judge as the person, since there is no service to ask as."""
        later = of_policy(case.policy)
        if later is not None and later.code is not ReturnCode.SUCCESS:
            # Until the password is changed, nothing else may be asked.
            return later
        return await self._judge(session, attempt, case)

    async def _user_of_refused(
        self,
        attempt: AccessAttempt,
        values: Mapping[str, str],
        lookup: Plan,
        judgement: Judgement,
    ) -> LdapUser | None:
        """Look up whose password has expired: it may be changed by the service."""
        expired = judgement.code is ReturnCode.NEW_AUTHTOK_REQD
        if not expired or lookup.bind_name is None:
            return None
        if self._finding.method is Method.TEMPLATE:
            return LdapUser(LdapEntry(lookup.bind_name, Attributes({})), values, lookup.bind_name)
        if not self.configuration.settings.has_service:
            return None
        try:
            entry = await find(self.directory, attempt, lookup.searches, self._wanted)
        except DirectoryFault:
            # The password was judged already, and must not be judged again from memory.
            return None
        return None if isinstance(entry, Judgement) else self._case(entry, values, lookup.bind_name)

    async def _own_entry(
        self, session: BoundDirectory, attempt: AccessAttempt, lookup: Plan
    ) -> LdapEntry | Judgement:
        entry: LdapEntry | Judgement
        try:
            entry = await find(session, attempt, lookup.searches, self._wanted)
        except Unanswered:
            # Nothing but a change of the password is allowed (draft-behera, section 7.3).
            if session.answer.policy.error is not PolicyError.CHANGE_AFTER_RESET:
                raise
            entry = UNKNOWN
        return entry

    async def _case_as_told(
        self,
        session: BoundDirectory,
        attempt: AccessAttempt,
        values: Mapping[str, str],
        bind_name: str,
    ) -> LdapUser:
        """Return what the server answers to "Who am I?" (RFC 4532) about an entry it hides."""
        unnamed = LdapUser(LdapEntry(bind_name, Attributes({})), values, bind_name)
        try:
            told = await session.who_am_i(attempt)
        except Unanswered:
            return unnamed
        form, _, name = told.partition(":")
        match form.lower():
            case "dn" if name.strip():
                # 389 Directory Server has a blank before the name.
                return self._case(LdapEntry(name.strip(), Attributes({})), values, bind_name)
            case "u" if name:
                return replace(unnamed, values={**values, "uid": written(name)})
            case _:
                return unnamed

    async def _dummy_verify(self, attempt: AccessAttempt, password: str) -> None:
        """Ask what would have been asked of a user who exists."""
        finding = self._finding
        base = finding.bases[0] if finding.bases else ""
        dn = finding.decoy or f"cn={secrets.token_hex(8)}{',' if base else ''}{base}"
        with contextlib.suppress(DirectoryFault):
            if finding.method is Method.COMPARE:
                name = finding.password_attribute
                await self.directory.compare(attempt, dn, name, password.encode())
            else:
                await self.directory.bind(attempt, BindCredentials(dn, password))


async def _try(
    session: BoundDirectory, attempt: AccessAttempt, dn: str, old: str, new: str
) -> Answer | None:
    """Change an expired password anonymously, on a server that allows it."""
    try:
        answer = await session.change_password(attempt, dn, old, new, How.EXOP)
    except Unanswered:
        return None
    refused = answer.policy.error is None and not answer.ok
    return None if refused else answer
