"""GS2-KRB5: a Kerberos ticket in one round, bound to the channel if the client can (RFC 5801).

    client    n,,token          n,a=whom,token          p=tls-exporter,,token
    server    token

The header is part of what the ticket's authenticator is bound to, so no attacker can
change it on the way, and a context that is not bound to it is refused.
"""

from __future__ import annotations

import re
from typing import ClassVar

from ualauth.contract.credentials import CredentialKind
from ualauth.sasl.gss_exchange import establish
from ualauth.sasl.mechanism import Channel, Claim, Malformed, Mechanism, Wire, text_of

# RFC 5801, section 4; a saslname has neither NUL, comma nor equals sign but as =2C and =3D.
_HEADER = re.compile(
    rb"(?P<nonstandard>F,)?"
    rb"(?P<bound>(?P<flag>[ny]|p=(?P<binding>[A-Za-z0-9.-]+)),"
    rb"(?:a=(?P<authorization>(?:[^\0,=]|=2C|=3D)+))?,)"
)
_OID = bytes.fromhex("06092a864886f712010202")
"""1.2.840.113554.1.2.2, Kerberos 5, in DER."""


class Gs2Krb5(Mechanism):
    """One exchange."""

    name: ClassVar[str] = "GS2-KRB5"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.KERBEROS
    _token = b""

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        message = await wire.first()
        header = _HEADER.match(message)
        if header is None:
            raise Malformed("this is no first message of GS2")
        if header["nonstandard"]:
            # Kerberos has the header that this says is missing (section 4).
            raise Malformed("a token that says it is not Kerberos")
        bindings = header["bound"] + self._channel_data(header, wire.channel)
        token = message[header.end() :]
        established = await establish(wire, _framed(token), bindings)
        if not established.context.bound:
            raise Malformed("a context that is not bound to its header")
        if not established.context.mutual:
            raise Malformed("a client that does not care whom it talks to")
        self._token = established.token
        wanted = text_of(header["authorization"] or b"").replace("=2C", ",").replace("=3D", "=")
        return await established.claim(wire, self.name, wanted)

    def success(self) -> bytes:
        """Return the token by which the client knows the server."""
        return self._token

    def _channel_data(self, header: re.Match[bytes], channel: Channel) -> bytes:
        """Return what the client has to be bound to besides the header (section 5)."""
        binding = header["binding"]
        if binding is None:
            if self.binds:
                raise Malformed("a -PLUS mechanism without channel binding")
            if header["flag"] == b"y" and channel.offers_plus:
                raise Malformed("-PLUS was offered, and the client was told otherwise on the way")
            return b""
        if not self.binds:
            raise Malformed("channel binding without -PLUS")
        try:
            return channel.bindings[binding.decode()]
        except KeyError:
            raise Malformed("a type of channel binding that this connection has not") from None


class Gs2Krb5Plus(Gs2Krb5):
    """One exchange, bound to the channel."""

    name: ClassVar[str] = "GS2-KRB5-PLUS"
    binds: ClassVar[bool] = True


def _framed(token: bytes) -> bytes:
    """Return a token with the header that GS2 leaves out (RFC 2743, section 3.1)."""
    if not token:
        return b""
    inner = _OID + token
    length = len(inner)
    if length < 0x80:
        return b"\x60" + bytes((length,)) + inner
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return b"\x60" + bytes((0x80 | len(size),)) + size + inner
