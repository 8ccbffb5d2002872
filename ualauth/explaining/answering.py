"""What each entry answers in a login that is only supposed, and how that is known.

First comes what is assumed of the entry, then what its module simulates, then what the situation
says of the password; where none of that says it, all of its answers are followed.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import CredentialKind
from ualauth.contract.evidence import Evidence
from ualauth.contract.judgement import not_judged
from ualauth.contract.module import Method, Module
from ualauth.contract.tokens import TokenOptions
from ualauth.explaining.assumptions import AnswersKnown, Assumption, possible
from ualauth.explaining.choices import Choices
from ualauth.explaining.supposed import GivenPassword, Suppositions
from ualauth.reasons import ReasonCode
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.outcome import outcome_of
from ualauth.stack.analysis.answers import evidence_of
from ualauth.stack.model import Entry
from ualauth.text.dataclass import dataclass

_SUCCESS = ReturnCode.SUCCESS
_AUTH_ERR = ReturnCode.AUTH_ERR
_AUTHENTICATE = Operation.AUTHENTICATE
_SHOWN_FIRST = (_SUCCESS, _AUTH_ERR, ReturnCode.PERM_DENIED)
"""Of answers that come to the same, the one that is shown."""


class Basis(enum.Enum):
    """How it is known what an entry answers."""

    SIMULATED = "simulated"
    """Its module says so."""
    ASSUMED = "assumed"
    """The situation says whether the password is right."""
    GIVEN = "given"
    """The caller says so."""
    EVERY = "every"
    """It is not known: this is one of its answers."""

    def __str__(self) -> str:
        """Return the word."""
        return self.value


@dataclass(frozen=True, slots=True)
class Choice:
    """What is not known beforehand, and what it is supposed to be on one way.

    `entry` is FILE:LINE of the entry where it was looked at first, `answer` a return code, or
    `right` or `wrong`.
    """

    what: str
    entry: str
    answer: str


@dataclass(frozen=True, slots=True)
class Answered:
    """How an entry came to its answer; `proves` is whether its success proves a credential."""

    entry: Entry
    basis: Basis
    proves: bool


class Answers:
    """The answers of one way; see `Situation`."""

    def __init__(
        self, suppositions: Suppositions, assumptions: AnswersKnown, choices: Choices
    ) -> None:
        """Begin with no entry asked."""
        self.suppositions = suppositions
        self.choices: list[Choice] = []
        self.bases: list[Answered] = []
        self._assumptions = assumptions
        self._next = choices
        self._right: dict[object, bool] = {}
        self._asked: Entry | None = None

    @property
    def moment(self) -> datetime:
        """See `Situation.moment`."""
        return self.suppositions.moment

    def is_right(self, whose: object = None) -> bool:
        """See `Situation.is_right`."""
        known = self.suppositions.known.get(whose)
        if whose is not None and known is not None:
            return known
        given = self.suppositions.password
        if given is not GivenPassword.EITHER:
            return given is GivenPassword.RIGHT
        entry = self._asked
        assert entry is not None  # noqa: S101 - an entry asks
        key = (entry.module, entry.arguments) if whose is None else whose
        if key not in self._right:
            right = self._next.choose((True, False))
            self._right[key] = right
            of = whose if isinstance(whose, str) else entry.module
            answer = "right" if right else "wrong"
            self.choices.append(Choice(f"the password of {of}", str(entry.source), answer))
        return self._right[key]

    async def answer(
        self, operation: Operation, method: Method, attempt: RunningAttempt
    ) -> ReturnCode:
        """Return what the entry answers that is being asked; `method` is that of its module."""
        run = attempt.run
        entry = None if run is None else run.asked()
        if entry is None:
            return ReturnCode.SYSTEM_ERR
        # An entry may run a stack, whose entries are asked before it has answered.
        before, self._asked = self._asked, entry
        place = len(self.bases)
        proves = operation is _AUTHENTICATE and evidence_of(entry) is Evidence.CREDENTIAL
        self.bases.append(Answered(entry, Basis.SIMULATED, proves))
        try:
            code, basis = await self._decide(entry, operation, method, attempt)
        finally:
            self._asked = before
        self.bases[place] = Answered(entry, basis, proves)
        return code

    async def _decide(
        self, entry: Entry, operation: Operation, method: Method, attempt: RunningAttempt
    ) -> tuple[ReturnCode, Basis]:
        assumption = self._assumptions.of(entry, operation)
        module = entry.instance
        if assumption is not None and assumption.code is not None:
            await _get_ready(module, attempt)
            return _say(module, assumption.code, attempt, assumption), Basis.GIVEN
        if module is None or getattr(module, operation.method, None) is None:
            # What `stack.bind` made of a line that has no module: always the same code.
            answer = method(attempt)
            return (answer if isinstance(answer, ReturnCode) else await answer), Basis.SIMULATED
        simulated = None if assumption is not None else await module.simulate(attempt, self)
        if isinstance(simulated, ReturnCode):
            return simulated, Basis.SIMULATED
        if simulated is not None:
            return self._one_of(_distinct(simulated), entry, operation), Basis.EVERY
        return await self._suppose(entry, module, operation, attempt)

    async def _suppose(
        self, entry: Entry, module: Module[Any], operation: Operation, attempt: RunningAttempt
    ) -> tuple[ReturnCode, Basis]:
        """Return what a module answers that cannot say it."""
        if not module.verifies:
            return self._one_of(_kinds(entry, operation), entry, operation), Basis.EVERY
        if operation is _AUTHENTICATE:
            return await self._judge(module, attempt), Basis.ASSUMED
        return _say(module, _SUCCESS, attempt), Basis.ASSUMED

    def _one_of(
        self, codes: Sequence[ReturnCode], entry: Entry, operation: Operation
    ) -> ReturnCode:
        if not codes:
            return ReturnCode.SYSTEM_ERR
        code = self._next.choose(codes)
        if len(codes) > 1:
            what = f"the answer of {entry.module} to {operation}"
            self.choices.append(Choice(what, str(entry.source), code.token))
        return code

    async def _judge(self, module: Module[Any], attempt: RunningAttempt) -> ReturnCode:
        """Return what a module answers to the right password, or a wrong one."""
        exchange = attempt.exchange
        kind = CredentialKind.PASSWORD if exchange is None else exchange.credential_kind
        if kind not in module.verifies:
            return not_judged(attempt, exchange)
        await attempt.get_user()

        async def judge(_password: str = "") -> ReturnCode:
            return _say(module, _SUCCESS if self.is_right() else _AUTH_ERR, attempt)

        options = getattr(module, "options", None)
        if exchange is None and isinstance(options, TokenOptions):
            return await options.verify(attempt, judge)
        return await judge()


async def _get_ready(module: Module[Any] | None, attempt: RunningAttempt) -> None:
    """Do what an entry does before it has its answer: it learns the name, and the password."""
    options = getattr(module, "options", None)
    if module is None or attempt.operation is not _AUTHENTICATE or not module.verifies:
        return
    with contextlib.suppress(Abort):
        await attempt.get_user()
        if attempt.exchange is None and isinstance(options, TokenOptions):
            await options.token(attempt)


def _say(
    module: Module[Any] | None,
    code: ReturnCode,
    attempt: RunningAttempt,
    assumption: Assumption | None = None,
) -> ReturnCode:
    """Note that an answer is assumed, and what it would be for; return it."""
    if assumption is not None:
        said = f"assumed: {assumption.text}"
    elif attempt.operation is not _AUTHENTICATE:
        said = "assumed: the account may be used"
    else:
        said = f"assumed: {_WHAT_IS_SHOWN.get(_kind(attempt), 'what the client shows')} is "
        said += "right" if code is _SUCCESS else "wrong"
    exchange = attempt.exchange
    if code is not _SUCCESS:
        reason = _reason(module, code, attempt)
        if reason is None:
            attempt.remark(said)
        else:
            attempt.explain(reason, said)
        return code
    attempt.remark(said)
    verifies = () if module is None else module.verifies
    proves = attempt.operation is _AUTHENTICATE and _kind(attempt) in verifies
    if exchange is not None and proves:
        exchange.accept()
    return code


def _kind(attempt: RunningAttempt) -> CredentialKind | str:
    exchange = attempt.exchange
    return CredentialKind.PASSWORD if exchange is None else exchange.credential_kind


_WHAT_IS_SHOWN: Mapping[CredentialKind | str, str] = {
    CredentialKind.PASSWORD: "the password",
    CredentialKind.SCRAM: "the proof",
    CredentialKind.CRAM_MD5: "the proof",
    CredentialKind.TOKEN: "the token",
    CredentialKind.KERBEROS: "the ticket",
}
_WRONG: Mapping[CredentialKind | str, ReasonCode] = {
    CredentialKind.PASSWORD: ReasonCode.WRONG_PASSWORD,
    CredentialKind.SCRAM: ReasonCode.WRONG_PROOF,
    CredentialKind.CRAM_MD5: ReasonCode.WRONG_PROOF,
    CredentialKind.TOKEN: ReasonCode.TOKEN_REFUSED,
    CredentialKind.KERBEROS: ReasonCode.TICKET_REFUSED,
}


def _reason(
    module: Module[Any] | None, code: ReturnCode, attempt: RunningAttempt
) -> ReasonCode | None:
    """Return the reason that a module mostly gives with a code, as far as its table says it.

    `None` is for that of the code itself.
    """
    reasons = {} if module is None else module.reasons
    own = [reason for reason, codes in reasons.items() if code in codes]
    if code is _AUTH_ERR and attempt.operation is _AUTHENTICATE:
        wrong = _WRONG.get(_kind(attempt))
        if wrong in own:
            return wrong
    if code is ReturnCode.AUTHINFO_UNAVAIL:
        return next((each for each in own if each in _SERVERS), None)
    return own[0] if len(own) == 1 else None


_SERVERS = (
    ReasonCode.DIRECTORY_UNAVAILABLE,
    ReasonCode.DATABASE_UNAVAILABLE,
    ReasonCode.KDC_UNAVAILABLE,
    ReasonCode.ISSUER_UNAVAILABLE,
    ReasonCode.SERVER_UNAVAILABLE,
    ReasonCode.HOST_UNAVAILABLE,
    ReasonCode.USERLIST_UNAVAILABLE,
)


def _distinct(codes: Collection[ReturnCode]) -> Sequence[ReturnCode]:
    known = dict.fromkeys(code for code in codes if type(code) is ReturnCode)
    return sorted(known, key=_order)


def _kinds(entry: Entry, operation: Operation) -> Sequence[ReturnCode]:
    """Return one of the codes of each kind that an entry may answer: those that come to the same.

    That it could not check is not among them, unless there is nothing else: who wants to know
    about that assumes it.
    """
    codes: Iterable[ReturnCode] = possible(entry, operation)
    checked = [code for code in codes if code not in UNCHECKED]
    chosen: dict[object, ReturnCode] = {}
    for code in sorted(checked or codes, key=_order):
        outcome = outcome_of(operation, code, could_not_check=code in UNCHECKED)
        ignored = code is ReturnCode.IGNORE
        chosen.setdefault((entry.table[code], ignored, outcome), code)
    return list(chosen.values())


def _order(code: ReturnCode) -> tuple[int, int]:
    shown = _SHOWN_FIRST.index(code) if code in _SHOWN_FIRST else len(_SHOWN_FIRST)
    return shown, int(code)
