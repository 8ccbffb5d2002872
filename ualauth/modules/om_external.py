"""The module om_external: a TLS client certificate is enough (SASL EXTERNAL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ualauth.codes import ReturnCode
from ualauth.contract.credentials import CredentialKind
from ualauth.contract.judgement import not_judged
from ualauth.module import Attempt, Module, by_its_method
from ualauth.reasons import ReasonCode, Reasons
from ualauth.sasl.external import CertificateExchange


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set: nothing."""


class OmExternal(Module[Options]):
    """Let people in whom their TLS client certificate names; others go on by password."""

    options_type = Options
    may_ignore = False
    verifies = frozenset({CredentialKind.CERTIFICATE})
    simulate = by_its_method
    reasons: ClassVar[Reasons] = {
        ReasonCode.CREDENTIAL_NOT_JUDGED: (ReturnCode.CRED_UNAVAIL,),
    }

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Succeed for who came by EXTERNAL; the account modules say whether they exist."""
        exchange = attempt.exchange
        if not isinstance(exchange, CertificateExchange):
            return not_judged(attempt, exchange)
        await attempt.get_user()
        attempt.remark("named by a client certificate")
        exchange.accept()
        return ReturnCode.SUCCESS

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed: there are no credentials to establish."""
        return ReturnCode.SUCCESS
