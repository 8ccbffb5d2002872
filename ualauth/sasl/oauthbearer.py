"""OAUTHBEARER: an OAuth 2 token (RFC 7628)."""

from __future__ import annotations

import re
from typing import ClassVar

from ualauth.contract.credentials import CredentialKind
from ualauth.sasl.mechanism import Claim, Malformed, Mechanism, Wire, text_of
from ualauth.sasl.oauth import TokenExchange, as_json, begin_exchange, claim_of

# RFC 7628, section 3.1: a GS2 header, then key=value pairs between %x01.
_HEADER = re.compile(r"[ny],(?:a=((?:[^\0,=]|=2C|=3D)+))?,")
_PAIR = re.compile(r"[A-Za-z]+=[\x09\x0a\x0d\x20-\x7e]*")
# RFC 6750, section 2.1: b64token.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")


class OAuthBearer(Mechanism):
    """A header, `auth=Bearer TOKEN`, and perhaps host and port."""

    name: ClassVar[str] = "OAUTHBEARER"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.TOKEN
    plaintext: ClassVar[bool] = True
    _exchange: TokenExchange | None = None

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        header, *pairs = text_of(await wire.first()).split("\1")
        match = _HEADER.fullmatch(header)
        if match is None or pairs[-2:] != ["", ""]:
            raise Malformed("this is no message of OAUTHBEARER")
        if not all(_PAIR.fullmatch(pair) for pair in pairs[:-2]):
            raise Malformed("a pair that is none")
        # It is a message: whatever is wrong with what it says, the client is told the error.
        self._exchange = begin_exchange(wire, self.name)
        values = [pair[5:] for pair in pairs if pair.startswith("auth=")]
        self._exchange.token = bearer_token(values[0] if len(values) == 1 else "")
        wanted = (match[1] or "").replace("=2C", ",").replace("=3D", "=")
        return await claim_of(wire, self._exchange, wanted)

    def failure(self) -> bytes:
        """Return the error of RFC 7628, section 3.2.2; the client answers with `%x01`."""
        if self._exchange is None:
            return b""
        return as_json(
            status="invalid_token",
            scope=self._exchange.scope,
            **{"openid-configuration": self._exchange.configuration},
        )


def bearer_token(credentials: str) -> str:
    """Return the token in the value of an `Authorization` header (RFC 6750, section 2.1).

    Raises:
        Malformed: if it is another scheme's, or none.

    """
    match = _BEARER.fullmatch(credentials)
    if match is None:
        raise Malformed("not one bearer token")
    return match[1]
