"""The module om_anonymous: people who do not say who they are (SASL ANONYMOUS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ualauth.codes import ReturnCode
from ualauth.contract.credentials import ANONYMOUS, CredentialKind
from ualauth.contract.evidence import Evidence
from ualauth.contract.judgement import not_judged
from ualauth.identity import Person
from ualauth.module import Abort, Attempt, Module, by_its_method
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sasl.anonymous import AnonymousExchange

_LET_IN = "om_anonymous: let in"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set: nothing."""


class OmAnonymous(Module[Options]):
    """Let anonymous clients in: a service that names this module offers ANONYMOUS."""

    options_type = Options
    may_ignore = False
    proves = Evidence.NOTHING
    verifies = frozenset({CredentialKind.NOTHING})
    simulate = by_its_method
    reasons: ClassVar[Reasons] = {
        ReasonCode.CREDENTIAL_NOT_JUDGED: (ReturnCode.CRED_UNAVAIL,),
    }

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Succeed for a client that came by ANONYMOUS, and for no other."""
        exchange = attempt.exchange
        if not isinstance(exchange, AnonymousExchange):
            return not_judged(attempt, exchange)
        attempt.remark(f"anonymous, traced as {exchange.trace[:80]!a}")
        attempt.set_data(_LET_IN, value=True)
        attempt.vouch(Person(ANONYMOUS))
        exchange.accept()
        return ReturnCode.SUCCESS

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: there are no credentials to establish."""
        return ReturnCode.SUCCESS

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Succeed for whom this module let in; the others are other modules' business."""
        try:
            attempt.get_data(_LET_IN)
        except Abort:
            return ReturnCode.IGNORE
        attempt.vouch(Person(ANONYMOUS))
        return ReturnCode.SUCCESS
