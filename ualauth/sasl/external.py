"""EXTERNAL: TLS has said already who the client is (RFC 4422, appendix A)."""

from __future__ import annotations

from typing import ClassVar

from ualauth.contract.credentials import CredentialKind, Exchange
from ualauth.reasons import ReasonCode
from ualauth.sasl.mechanism import Claim, Malformed, Mechanism, Wire, text_of
from ualauth.sasl.preparation import prepare_name, vouched_name


class External(Mechanism):
    """One message: whom the client wants to act for, empty for itself."""

    name: ClassVar[str] = "EXTERNAL"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.CERTIFICATE

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        wanted = text_of(await wire.first())
        name = wire.channel.certificate_name
        if not name:
            why = "no certificate of the client names a user"
            raise Malformed(why, ReasonCode.CERTIFICATE_UNTRUSTED)
        exchange = CertificateExchange()
        exchange.name_kind = wire.channel.certificate_name_kind
        return Claim(vouched_name(name), exchange, wanted and prepare_name(wanted))


class CertificateExchange(Exchange):
    """A client whose certificate the TLS library has verified."""

    mechanism = "EXTERNAL"
    credential_kind = CredentialKind.CERTIFICATE
