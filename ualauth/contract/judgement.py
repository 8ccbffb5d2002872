"""What a question about a user amounts to: a code, why (for the log), what the user is told."""

from __future__ import annotations

from dataclasses import field

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.messages import Error, Info
from ualauth.reasons import ReasonCode
from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer that is not given yet; `person` is empty where the user is told nothing.

    `reason` is the code of why, for an answer that refuses or could not be given. What needs
    more to go with it inherits this.
    """

    code: ReturnCode
    log: str
    person: str = ""
    reason: ReasonCode | None = field(default=None, kw_only=True)

    async def tell(self, attempt: Attempt) -> ReturnCode:
        """Tell the log and the user, each its own text; return the code."""
        self.note(attempt)
        if self.person:
            kind = Info if self.code is ReturnCode.SUCCESS else Error
            await attempt.tell(kind(self.person))
        return self.code

    def note(self, attempt: Attempt) -> None:
        """Tell the log alone."""
        if self.reason is not None:
            attempt.explain(self.reason, self.log)
        elif self.log:
            attempt.remark(self.log)


def not_judged(attempt: Attempt, exchange: object) -> ReturnCode:
    """Answer `CRED_UNAVAIL` to a proof that the module cannot judge, and say so."""
    kind = "a typed password" if exchange is None else f"this kind of proof ({attempt.mechanism})"
    attempt.explain(ReasonCode.CREDENTIAL_NOT_JUDGED, f"it does not judge {kind}")
    return ReturnCode.CRED_UNAVAIL
