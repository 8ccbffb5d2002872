"""What a question about a user amounts to: a code, why (for the log), what the user is told."""

from __future__ import annotations

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.messages import Error, Info
from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer that is not given yet; `person` is empty where the user is told nothing.

    What needs more to go with it inherits this.
    """

    code: ReturnCode
    log: str
    person: str = ""

    async def tell(self, attempt: Attempt) -> ReturnCode:
        """Tell the log and the user, each its own text; return the code."""
        if self.log:
            attempt.remark(self.log)
        if self.person:
            kind = Info if self.code is ReturnCode.SUCCESS else Error
            await attempt.tell(kind(self.person))
        return self.code
