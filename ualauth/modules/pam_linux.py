"""The module pam_linux: hands the login to the host's own PAM, and its C modules.

Each operation is libpam's own, on one handle for the whole transaction. Numbers are
libpam's; a code that an operation may not answer becomes `SYSTEM_ERR`.

libpam changes a password without asking for the old one where root calls it.
So the first pass of a change is a login with the old password, and account
management; only the second pass is pam_chauthtok(3), both of whose passes
libpam then does itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ualauth.codes import LEGAL, Flag, Item, Operation, ReturnCode
from ualauth.contract.credentials import MAX_NAME_BYTES, is_acceptable
from ualauth.host_pam.libpam import PamFault
from ualauth.host_pam.service import Folder, HostService, Seconds, ServiceName
from ualauth.host_pam.service_file import follow
from ualauth.host_pam.talk import Change, NoTokens, OnePassword, Talk, Tokens
from ualauth.host_pam.transaction import HostTransaction, Outcome
from ualauth.identity import Person
from ualauth.module import (
    Abort,
    Attempt,
    Files,
    Module,
    Simulated,
    Situation,
    TokenOptions,
)
from ualauth.reasons import REASON_OF_CODE, ReasonCode, Reasons
from ualauth.sources.problem import Problem

_TIMEOUT = Seconds(30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(TokenOptions):
    """What a stack line may set."""

    service: Annotated[ServiceName, "The host's service to ask: a file in /etc/pam.d."]
    confdir: Annotated[
        Folder | None,
        "Where that file is, instead of /etc/pam.d; files that it includes are looked for there.",
        "confdir=PATH",
    ] = None
    or_other: Annotated[bool, "Where there is no such file, let the host's `other` decide."] = False
    timeout: Annotated[
        Seconds,
        "Seconds that libpam may take without a word; then it could not check.",
        "timeout=NUMBER",
    ] = _TIMEOUT


_FLAGS: Mapping[Operation, int] = {
    Operation.AUTHENTICATE: Flag.SILENT | Flag.DISALLOW_NULL_AUTHTOK,
    Operation.SETCRED: Flag.SILENT
    | Flag.ESTABLISH_CRED
    | Flag.DELETE_CRED
    | Flag.REINITIALIZE_CRED
    | Flag.REFRESH_CRED,
    Operation.ACCT_MGMT: Flag.SILENT | Flag.DISALLOW_NULL_AUTHTOK,
    Operation.OPEN_SESSION: Flag.SILENT,
    Operation.CLOSE_SESSION: Flag.SILENT,
    Operation.CHAUTHTOK: Flag.SILENT | Flag.CHANGE_EXPIRED_AUTHTOK,
}
"""What libpam's functions take."""
_ITEMS = (Item.RHOST, Item.RUSER, Item.TTY, Item.USER_PROMPT)
_OF_CHANGES = (Operation.AUTHENTICATE, Operation.ACCT_MGMT, Operation.CHAUTHTOK)
"""What libpam is asked for when a password is to be changed."""
_EXPIRED = frozenset({ReturnCode.NEW_AUTHTOK_REQD, ReturnCode.AUTHTOK_EXPIRED})
"""The password is right, and too old."""
# What pam_strerror(3) says, in one language.
_MEANINGS = dict(
    zip(
        ReturnCode,
        (
            "success",
            "a module cannot be loaded",
            "a symbol is not found in a module",
            "an error in a service module",
            "a system error",
            "out of memory",
            "permission denied",
            "authentication failure",
            "credentials are insufficient to access authentication data",
            "the authentication service cannot retrieve authentication info",
            "the user is not known to the host",
            "maximum number of retries exceeded",
            "the password has expired, a new one is required",
            "the host's account has expired",
            "no session can be made or removed",
            "the user's credentials cannot be retrieved",
            "the user's credentials have expired",
            "the user's credentials cannot be set",
            "no data of the module is present",
            "a conversation error",
            "an error in handling the password",
            "the password cannot be recovered",
            "the lock of the password database is busy",
            "password aging is disabled",
            "the change of password failed in the preliminary check",
            "the return value should be ignored",
            "a critical error, abort immediately",
            "the password has expired, and cannot be changed by the user",
            "a module is unknown",
            "a bad item was passed",
            "the conversation waits for an event",
            "the application has to call again",
        ),
        strict=True,
    )
)
_REASONS = {
    # pam_unix(8) answers so to a wrong password, and most others do.
    ReturnCode.AUTH_ERR: ReasonCode.WRONG_PASSWORD,
    ReturnCode.SYSTEM_ERR: ReasonCode.HOST_UNAVAILABLE,
    ReturnCode.SERVICE_ERR: ReasonCode.HOST_UNAVAILABLE,
    ReturnCode.ABORT: ReasonCode.HOST_UNAVAILABLE,
    ReturnCode.BUF_ERR: ReasonCode.HOST_UNAVAILABLE,
    ReturnCode.AUTHINFO_UNAVAIL: ReasonCode.HOST_UNAVAILABLE,
}
# No password is verified there: pam_deny(8) and pam_listfile(8) answer so to an account.
_REASONS_OF_OTHERS = _REASONS | {ReturnCode.AUTH_ERR: ReasonCode.NOT_ALLOWED}
_REASONS_OF_CHANGES = _REASONS | {
    ReturnCode.AUTHTOK_ERR: ReasonCode.PASSWORD_UNSUITABLE,
    ReturnCode.PERM_DENIED: ReasonCode.PASSWORD_NOT_CHANGEABLE,
}
_REASONS_OF: Mapping[Operation, Mapping[ReturnCode, ReasonCode]] = {
    Operation.AUTHENTICATE: _REASONS,
    Operation.SETCRED: _REASONS_OF_OTHERS,
    Operation.ACCT_MGMT: _REASONS_OF_OTHERS,
    Operation.OPEN_SESSION: _REASONS_OF_OTHERS,
    Operation.CLOSE_SESSION: _REASONS_OF_OTHERS,
    Operation.CHAUTHTOK: _REASONS_OF_CHANGES,
}


def _may_answer(operation: Operation) -> frozenset[ReturnCode]:
    """Return what libpam may answer to an operation; anything else is `SYSTEM_ERR`."""
    return (LEGAL[operation] | _EXPIRED) - {ReturnCode.IGNORE}


def _reason_of(operation: Operation, code: ReturnCode) -> ReasonCode:
    """Return why libpam did not let the user in."""
    return _REASONS_OF[operation].get(code) or REASON_OF_CODE[code]


def _all_reasons() -> Reasons:
    """Return what the host's PAM may refuse for, with all codes of each reason."""
    codes_of: dict[ReasonCode, set[ReturnCode]] = {}
    for operation in Operation:
        for code in _may_answer(operation) - {ReturnCode.SUCCESS}:
            codes_of.setdefault(_reason_of(operation, code), set()).add(code)
    return {reason: tuple(sorted(codes)) for reason, codes in codes_of.items()}


@dataclass(slots=True)
class _HostState:
    """What lasts as long as the attempt: the handle of libpam, and how things stand."""

    host: HostTransaction
    talk: Talk | None = None
    """A call that waits for the person."""
    user: str | None = None
    """The user as the attempt has it, whom libpam knows as `host_user`."""
    host_user: str | None = None
    environment: Mapping[str, str] | None = None
    verified: str | None = None
    """Whose old password the first pass of a change verified."""
    expired: bool = False

    def waits(self, operation: Operation) -> bool:
        """Return whether a call for `operation` waits for the person."""
        return self.talk is not None and self.talk.operation is operation

    def end(self, status: int) -> None:
        """Give up what waits, and end the transaction with libpam."""
        if self.talk is not None:
            self.talk.abandon()
        self.host.end(status)


class PamLinux(Module[Options]):
    """Ask the host's own PAM, for its pam_unix, RADIUS, SMB and other modules."""

    options_type = Options
    may_ignore = False
    confirms_user = True
    proves_password = True
    reasons = _all_reasons()

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return what PAM allows, and what the host may say of an account at any time.

        Before a change, the host is asked for a login and for the account.
        """
        asked = _OF_CHANGES if operation is Operation.CHAUTHTOK else (operation,)
        own = frozenset({ReturnCode.ACCT_EXPIRED, *super().answers(operation)})
        return own.union(*map(_may_answer, asked))

    def configure(self, files: Files) -> Sequence[Problem]:
        """Have the host's file looked at; libpam reads it by itself, at each login."""
        follow(self._service(), files)
        return ()

    async def simulate(self, attempt: Attempt, _situation: Situation) -> Simulated:
        """Say what keeps libpam from being asked; what it would answer is not known."""
        try:
            await attempt.offload(self._service().check)
        except PamFault as fault:
            attempt.explain(ReasonCode.HOST_UNAVAILABLE, str(fault))
            return fault.code
        return None

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Authenticate by pam_authenticate(3)."""
        # Not `TokenOptions.verify`: libpam's modules say whether a password is wanted at all.
        code, tokens = await self._log_in(attempt, Item.AUTHTOK)
        reused = tokens.reused if isinstance(tokens, OnePassword) else None
        if (
            code is ReturnCode.AUTH_ERR
            and reused is not None
            and self.options.try_first_pass
            and await self.options.ask_again(attempt, reused) is not None
        ):
            code, tokens = await self._log_in(attempt, Item.AUTHTOK)
        # The host lets some users in without a password (pam_rootok, pam_permit): no proof.
        given = tokens.given if isinstance(tokens, OnePassword) else None
        if code is ReturnCode.SUCCESS and given:
            attempt.prove_password(given)
        return code

    async def setcred(self, attempt: Attempt) -> ReturnCode:
        """Establish or delete credentials by pam_setcred(3)."""
        return await self._plain(attempt, Operation.SETCRED)

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Ask for the account by pam_acct_mgmt(3)."""
        return await self._plain(attempt, Operation.ACCT_MGMT)

    async def open_session(self, attempt: Attempt) -> ReturnCode:
        """Open a session by pam_open_session(3)."""
        return await self._plain(attempt, Operation.OPEN_SESSION)

    async def close_session(self, attempt: Attempt) -> ReturnCode:
        """Close a session by pam_close_session(3)."""
        return await self._plain(attempt, Operation.CLOSE_SESSION)

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Verify the old password in the first pass; change it in the second."""
        state = self._state(attempt)
        user = await attempt.get_user()
        first = bool(attempt.flags & Flag.PRELIM_CHECK)
        if first or (state.verified != user and not state.waits(Operation.CHAUTHTOK)):
            code = await self._verify(attempt, state)
            if code is not ReturnCode.SUCCESS:
                return code
            state.verified = state.user
        if attempt.flags & Flag.CHANGE_EXPIRED_AUTHTOK and not state.expired:
            return ReturnCode.IGNORE
        if first:
            return ReturnCode.SUCCESS
        change = Change(
            never_ask_old=self.options.use_first_pass,
            never_ask_new=self.options.use_authtok,
        )
        code, _ = await self._perform(attempt, Operation.CHAUTHTOK, change)
        state.verified = None
        return code

    async def _verify(self, attempt: Attempt, state: _HostState) -> ReturnCode:
        """Return `SUCCESS` if the old password is right, and the account may be used."""
        state.verified = None
        if not state.waits(Operation.ACCT_MGMT):
            code, _ = await self._log_in(attempt, Item.OLDAUTHTOK)
            state.expired = code in _EXPIRED
            if state.expired:
                return ReturnCode.SUCCESS
            if code is not ReturnCode.SUCCESS:
                return code
        code, _ = await self._perform(attempt, Operation.ACCT_MGMT, NoTokens())
        state.expired = code in _EXPIRED
        return ReturnCode.SUCCESS if state.expired else code

    async def _log_in(self, attempt: Attempt, item: Item) -> tuple[ReturnCode, Tokens]:
        password = OnePassword(item, never_ask=self.options.use_first_pass)
        return await self._perform(attempt, Operation.AUTHENTICATE, password)

    async def _plain(self, attempt: Attempt, operation: Operation) -> ReturnCode:
        code, _ = await self._perform(attempt, operation, NoTokens())
        return code

    async def _perform(
        self,
        attempt: Attempt,
        operation: Operation,
        tokens: Tokens,
    ) -> tuple[ReturnCode, Tokens]:
        """Carry out an operation of libpam; returns its code, and what answered its prompts.

        Raises:
            Abort: `CONV_AGAIN`, after which this may be called again.
            TimeoutError: libpam took too long.

        """
        state = self._state(attempt)
        talk = state.talk
        if talk is None:
            items = await self._items(attempt, state)
            flags = attempt.flags & _FLAGS[operation]
            call = state.host.call(operation, flags, items, self.options.timeout)
            talk = state.talk = Talk(operation, call, tokens)
        elif talk.operation is not operation:
            why = f"{talk.operation} was put off and has to go on first"
            raise Abort(ReturnCode.ABORT, why, ReasonCode.INCOMPLETE)
        try:
            outcome = await talk.outcome(attempt)
        except Abort:
            raise
        except BaseException:
            state.talk = None
            raise
        state.talk = None
        return await self._judge(attempt, state, talk, outcome), talk.tokens

    async def _items(self, attempt: Attempt, state: _HostState) -> dict[Item, bytes | None]:
        """Return what libpam has to know beforehand."""
        user = await attempt.get_user()
        if user != state.user:
            state.user = state.host_user = user
        texts = {Item.USER: state.host_user} | {item: attempt.get_item(item) for item in _ITEMS}
        for item, text in texts.items():
            if text is not None and not is_acceptable(text, MAX_NAME_BYTES):
                why = f"{item.name} is longer than {MAX_NAME_BYTES} bytes, or no text"
                raise Abort(ReturnCode.PERM_DENIED, why, ReasonCode.MALFORMED)
        return {item: None if text is None else text.encode() for item, text in texts.items()}

    async def _judge(
        self,
        attempt: Attempt,
        state: _HostState,
        talk: Talk,
        outcome: Outcome,
    ) -> ReturnCode:
        """Return the code of the entry, and hand on what libpam's modules left."""
        if outcome.fault:
            attempt.explain(ReasonCode.HOST_UNAVAILABLE, outcome.fault)
            return ReturnCode(outcome.code)
        if outcome.delay:
            attempt.fail_delay(outcome.delay)
        _hand_on(attempt, state.environment or {}, outcome.environment)
        state.environment = outcome.environment
        code = _known(attempt, talk.operation, outcome.code)
        if code is not ReturnCode.SUCCESS:
            return self._refused(attempt, talk, code)
        if not outcome.user:
            attempt.explain(ReasonCode.HOST_UNAVAILABLE, "libpam no longer says who this is")
            return ReturnCode.SYSTEM_ERR
        # The host may write the name in another way: from now on, this is who it is.
        await attempt.confirm_user(outcome.user)
        if outcome.user != state.host_user:
            state.user = state.host_user = outcome.user
            attempt.vouch(Person(authid=state.user))
        return code

    def _refused(self, attempt: Attempt, talk: Talk, code: ReturnCode) -> ReturnCode:
        """Say why the host's PAM did not let the user in; return the code of the entry."""
        refusal = talk.refusal
        if refusal is not None:
            attempt.explain(refusal.reason or REASON_OF_CODE[refusal.code], refusal.why)
            return refusal.code
        why = f"the host's service {self.options.service} answers {code}: {_MEANINGS[code]}"
        if code is ReturnCode.SYSTEM_ERR:
            why += "; pam_exec answers so when its program fails"
        attempt.explain(_reason_of(talk.operation, code), why)
        return code

    def _service(self) -> HostService:
        """Return the host's service that the options name."""
        options = self.options
        folder = None if options.confdir is None else Path(options.confdir)
        return HostService(str(options.service), folder, options.or_other)

    def _state(self, attempt: Attempt) -> _HostState:
        """Return the transaction with libpam that entries with the same service share."""
        confdir = self.options.confdir
        name = f"pam_linux: {confdir or ''} {self.options.service}"
        try:
            data = attempt.get_data(name)
        except Abort:
            data = None
        if isinstance(data, _HostState):
            return data
        state = _HostState(HostTransaction(self._service()))
        attempt.set_data(name, state, lambda _, status: state.end(status & 0xFF))
        return state


def _known(attempt: Attempt, operation: Operation, number: int) -> ReturnCode:
    """Return libpam's code, if it is one that this operation may answer."""
    try:
        code = ReturnCode(number)
    except ValueError:
        attempt.explain(ReasonCode.HOST_UNAVAILABLE, f"libpam answers {number}, which is no code")
        return ReturnCode.SYSTEM_ERR
    if code not in _may_answer(operation):
        attempt.explain(ReasonCode.HOST_UNAVAILABLE, f"libpam answers {code} to {operation}")
        return ReturnCode.SYSTEM_ERR
    return code


def _hand_on(attempt: Attempt, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Change the transaction's environment as libpam's has changed."""
    for name in before.keys() - after.keys():
        attempt.putenv(name)
    for name, value in after.items():
        if before.get(name) != value:
            attempt.putenv(f"{name}={value}")
