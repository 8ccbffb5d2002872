"""GSSAPI: a Kerberos ticket, without a security layer (RFC 4752).

    client    token, until the context is established
    server    token; then, wrapped, which security layers there are: none
    client    wrapped: the layer, the largest message, whom it wants to be

The layer is TLS's business: nothing is wrapped after the exchange.
"""

from __future__ import annotations

from typing import ClassVar

from ualauth.contract.credentials import CredentialKind
from ualauth.sasl.gss_exchange import establish
from ualauth.sasl.mechanism import Claim, Malformed, Mechanism, Wire, text_of

_NO_LAYER = 1
"""RFC 4752, section 3.3: a bit mask."""
_OFFER = bytes((_NO_LAYER, 0, 0, 0))
"""Without a layer there is no largest message."""


class Gssapi(Mechanism):
    """One exchange."""

    name: ClassVar[str] = "GSSAPI"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.KERBEROS

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        established = await establish(wire, await wire.first(), None)
        context, token = established.context, established.token
        if token and await wire.send(token):
            raise Malformed("a token after the context was complete")
        offer = await wire.offload(context.wrap, _OFFER)
        chosen = await wire.offload(context.unwrap, await wire.send(offer))
        if len(chosen) < 4 or chosen[0] != _NO_LAYER:
            raise Malformed("a security layer that was not offered")
        # Section 3.1: otherwise the server fails.
        if chosen[1:4] != bytes(3):
            raise Malformed("a size of messages without a security layer")
        return await established.claim(wire, self.name, text_of(chosen[4:]))
