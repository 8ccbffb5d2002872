"""The module pam_debug: answers what its arguments say, to try out a stack (pam_debug(8))."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ualauth.codes import TOKENS, Flag, Operation, ReturnCode
from ualauth.contract.evidence import Evidence
from ualauth.contract.options import OptionProblem
from ualauth.messages import Info
from ualauth.module import Abort, Attempt, Module, by_its_method
from ualauth.reasons import REASON_OF_CODE, Reasons


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The answer to each operation, as a return code's word; none means success."""

    auth: Annotated[str, "Answer to authenticate, such as auth_err."] = ""
    cred: Annotated[str, "Answer to setcred."] = ""
    acct: Annotated[str, "Answer to acct_mgmt."] = ""
    prechauthtok: Annotated[str, "Answer to the first pass of chauthtok."] = ""
    chauthtok: Annotated[str, "Answer to the second pass of chauthtok."] = ""
    open_session: Annotated[str, "Answer to open_session."] = ""
    close_session: Annotated[str, "Answer to close_session."] = ""

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Options, list[OptionProblem]]:
        """Read ``key=word``: the first one with a key counts, an unknown word means success."""
        names = [field.name for field in dataclasses.fields(cls)]
        values: dict[str, str] = {}
        problems: list[OptionProblem] = []
        for index, argument in enumerate(arguments):
            name, _, word = argument.partition("=")
            if argument == name or name not in names:
                text, cure = f"unknown option {argument!r}", f"it takes: {', '.join(names)}"
            elif name in values:
                text, cure = f"option {name!r} is given twice", "the first one counts"
            else:
                values[name] = word if word in TOKENS else ""
                if word in TOKENS:
                    continue
                text, cure = f"{word!r} is no return code", f"use one of {', '.join(TOKENS)}"
            problems.append(OptionProblem(index, text, cure, fatal=False))
        return cls(**values), problems


_OPTIONS = {
    Operation.AUTHENTICATE: ("auth",),
    Operation.SETCRED: ("cred",),
    Operation.ACCT_MGMT: ("acct",),
    Operation.OPEN_SESSION: ("open_session",),
    Operation.CLOSE_SESSION: ("close_session",),
    Operation.CHAUTHTOK: ("prechauthtok", "chauthtok"),
}


class PamDebug(Module[Options]):
    """Answer what the arguments say, and tell the person so."""

    options_type = Options
    reasons: ClassVar[Reasons] = {
        reason: tuple(code for code, stands_for in REASON_OF_CODE.items() if stands_for is reason)
        for reason in REASON_OF_CODE.values()
    }
    proves = Evidence.NOTHING
    simulate = by_its_method

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return what the arguments say."""
        words = [getattr(self.options, option) for option in _OPTIONS[operation]]
        return {TOKENS[word] if word else ReturnCode.SUCCESS for word in words}

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Answer `auth`, without asking who it is."""
        return await self._answer(attempt, "auth", self.options.auth)

    async def setcred(self, attempt: Attempt) -> ReturnCode:
        """Answer `cred`."""
        return await self._answer(attempt, "cred", self.options.cred)

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Answer `acct`."""
        return await self._answer(attempt, "acct", self.options.acct)

    async def open_session(self, attempt: Attempt) -> ReturnCode:
        """Answer `open_session`."""
        return await self._answer(attempt, "open_session", self.options.open_session)

    async def close_session(self, attempt: Attempt) -> ReturnCode:
        """Answer `close_session`."""
        return await self._answer(attempt, "close_session", self.options.close_session)

    async def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Answer `prechauthtok` in the first pass, `chauthtok` in the second."""
        if attempt.flags & Flag.PRELIM_CHECK:
            return await self._answer(attempt, "prechauthtok", self.options.prechauthtok)
        return await self._answer(attempt, "chauthtok", self.options.chauthtok)

    @staticmethod
    async def _answer(attempt: Attempt, key: str, word: str) -> ReturnCode:
        if not word:
            return ReturnCode.SUCCESS
        # Whether the person could be told makes no difference, as in Linux-PAM.
        with contextlib.suppress(Abort):
            await attempt.ask(Info(f"{key}={word}"))
        code = TOKENS[word]
        if code is not ReturnCode.SUCCESS:
            attempt.explain(REASON_OF_CODE[code], f"as the line says: {key}={word}")
        return code
