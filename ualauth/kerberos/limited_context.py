"""A security context whose steps end in time: they wait for locks and disks of the host."""

from __future__ import annotations

from collections.abc import Callable

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.kerberos.failures import KerberosFault
from ualauth.reasons import ReasonCode
from ualauth.sasl.gss_exchange import SecurityContext


class LimitedContext:
    """See `ualauth.sasl.gss_exchange.SecurityContext`; `wrap` and `unwrap` only compute."""

    def __init__(
        self, context: SecurityContext, limited: Callable[[Callable[[], bytes]], bytes]
    ) -> None:
        """Wait for a context no longer than `limited` does."""
        self._context = context
        self._limited = limited
        self.complete = context.complete
        self.principal = context.principal
        self.keytab = context.keytab
        self.mutual = context.mutual
        self.bound = context.bound
        self.wrap = context.wrap
        self.unwrap = context.unwrap

    def step(self, token: bytes) -> bytes:
        """See `SecurityContext.step`.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if the time is up: the replay cache is locked by
                another program, say.

        """
        context = self._context
        try:
            answer = self._limited(lambda: context.step(token))
        except KerberosFault as error:
            why = f"the ticket cannot be accepted: {error} (the replay cache, the keytab)"
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, why, ReasonCode.KDC_UNAVAILABLE) from None
        self.complete = context.complete
        self.principal = context.principal
        self.mutual = context.mutual
        self.bound = context.bound
        return answer
