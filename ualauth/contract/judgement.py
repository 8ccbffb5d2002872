"""What a user's case amounts to: a code, why (for the log), and what the user is told."""

from __future__ import annotations

from dataclasses import dataclass

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.messages import Error, Info


@dataclass(frozen=True, slots=True)
class Judgement:
    """`person` is empty where the person is told nothing."""

    code: ReturnCode
    log: str
    person: str = ""

    async def tell(self, attempt: Attempt) -> ReturnCode:
        """Tell the log and the person, each its own; return the code."""
        attempt.remark(self.log)
        if self.person:
            kind = Info if self.code is ReturnCode.SUCCESS else Error
            await attempt.tell(kind(self.person))
        return self.code
