"""XOAUTH2: an OAuth 2 token, as mail programs sent it before OAUTHBEARER.

Source: Google's "OAuth 2.0 Mechanism", which Microsoft follows.
"""

from __future__ import annotations

import re
from typing import ClassVar

from ualauth.contract.credentials import CredentialKind
from ualauth.sasl.mechanism import Claim, Malformed, Mechanism, Wire, text_of
from ualauth.sasl.oauth import TokenExchange, as_json, begin_exchange, claim_of
from ualauth.sasl.oauthbearer import bearer_token

_MESSAGE = re.compile(
    r"user=(?P<user>[^\x00\x01]*)\x01(?:auth=(?P<auth>[^\x00\x01]*)\x01)?\x01",
)


class XOAuth2(Mechanism):
    """`user=NAME %x01 auth=Bearer TOKEN %x01 %x01`."""

    name: ClassVar[str] = "XOAUTH2"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.TOKEN
    plaintext: ClassVar[bool] = True
    _exchange: TokenExchange | None = None

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        match = _MESSAGE.fullmatch(text_of(await wire.first()))
        if match is None:
            raise Malformed("this is no message of XOAUTH2")
        # It is a message: whatever is wrong with what it says, the client is told the error.
        self._exchange = begin_exchange(wire, self.name)
        self._exchange.token = bearer_token(match["auth"] or "")
        if not match["user"]:
            raise Malformed("no user")
        return await claim_of(wire, self._exchange, match["user"])

    def failure(self) -> bytes:
        """Return the error; the client answers with an empty response."""
        if self._exchange is None:
            return b""
        return as_json(status="401", schemes="bearer", scope=self._exchange.scope)
