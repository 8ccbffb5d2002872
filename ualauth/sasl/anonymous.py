"""ANONYMOUS: a client that does not say who its user is (RFC 4505)."""

from __future__ import annotations

from typing import ClassVar

from ualauth.contract.credentials import ANONYMOUS, CredentialKind, Exchange, NameKind
from ualauth.sasl.mechanism import Claim, Malformed, Mechanism, Wire, text_of

_MOST = 255
"""Characters of the trace (RFC 4505, section 2)."""


class Anonymous(Mechanism):
    """One message: an address, or some token, by which the client may be traced."""

    name: ClassVar[str] = "ANONYMOUS"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.NOTHING

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        trace = text_of(await wire.first())
        if len(trace) > _MOST or not trace.isprintable():
            raise Malformed("a trace that is too long, or has control characters")
        return Claim(ANONYMOUS, AnonymousExchange(trace))


class AnonymousExchange(Exchange):
    """A user without a name; `trace` is what the client says of the user, empty for nothing."""

    mechanism = "ANONYMOUS"
    credential_kind = CredentialKind.NOTHING
    name_kind = NameKind.NO_USER

    def __init__(self, trace: str) -> None:
        """Keep the trace."""
        self.trace = trace
