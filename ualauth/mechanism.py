"""What a SASL mechanism is, and the exchanges that modules judge: for authors of both.

A mechanism is a class of one exchange; a package adds it by an entry point of the group
`ualauth.mechanisms`, whose name is that of the mechanism:

    class Shout(Mechanism):
        '''The name and the password, in capital letters.'''

        name = "X-SHOUT"
        credential_kind = CredentialKind.PASSWORD
        plaintext = True

        async def begin(self, wire: Wire) -> Claim:
            name, space, password = text_of(await wire.first()).partition(" ")
            if not space:
                raise Malformed("no blank between name and password")
            return Claim(prepare_name(name), Password(password))

What a mechanism MUST do:

* raise `Malformed` for whatever its specification does not allow, and nothing else;
* bound what it keeps of what the client sends;
* keep no secret in an attribute that `repr` shows;
* return a name that has been prepared: by `prepare_name` one that a user typed (or
  `prepare_query`, where the specification says SASLprep), by `vouched_name` one that an
  authority wrote.

This is the public path; the definitions are in `ualauth.sasl` and `ualauth.contract`.
"""

from __future__ import annotations

from ualauth.contract.credentials import (
    Challenges,
    Credential,
    CredentialKind,
    Exchange,
    NameKind,
    Password,
)
from ualauth.sasl.anonymous import AnonymousExchange
from ualauth.sasl.cram_md5 import CramMd5Exchange
from ualauth.sasl.external import CertificateExchange
from ualauth.sasl.gss_exchange import GssExchange, GssVerifier, SecurityContext
from ualauth.sasl.mechanism import Channel, Claim, Malformed, Mechanism, Wire, text_of
from ualauth.sasl.oauth import TokenExchange, TokenIssuer, TokenVerifier
from ualauth.sasl.preparation import prepare_name, prepare_query, vouched_name
from ualauth.sasl.scram import ScramExchange

__all__ = [
    "AnonymousExchange",
    "CertificateExchange",
    "Challenges",
    "Channel",
    "Claim",
    "CramMd5Exchange",
    "Credential",
    "CredentialKind",
    "Exchange",
    "GssExchange",
    "GssVerifier",
    "Malformed",
    "Mechanism",
    "NameKind",
    "Password",
    "ScramExchange",
    "SecurityContext",
    "TokenExchange",
    "TokenIssuer",
    "TokenVerifier",
    "Wire",
    "prepare_name",
    "prepare_query",
    "text_of",
    "vouched_name",
]
