"""CRAM-MD5: the password is the key of an HMAC over the server's challenge (RFC 2195).

Not offered unless `[sasl] mechanisms` names it: what the server has to keep for
it is worth nearly as much as the password, and MD5 is no longer trusted.
"""

from __future__ import annotations

import hmac
import os
import time
from typing import TYPE_CHECKING, ClassVar

from ualauth.contract.credentials import CredentialKind, Exchange, NameKind
from ualauth.passwords.cram_md5 import response_of
from ualauth.sasl.mechanism import Claim, Malformed, Mechanism, Wire, text_of
from ualauth.sasl.preparation import prepare_query
from ualauth.text.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from ualauth.contract.credentials import Challenges
    from ualauth.passwords.scram import ScramSecret

_DIGEST = lazy_pattern(r"[0-9a-f]{32}")
# RFC 2195 wants a message id; the host's name is not for clients to know.
_DOMAIN = "ualauth.invalid"


class CramMd5(Mechanism):
    """`<challenge>`, then `name digest`."""

    name: ClassVar[str] = "CRAM-MD5"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.CRAM_MD5
    server_first: ClassVar[bool] = True

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        if wire.initial:
            raise Malformed("CRAM-MD5 has no initial response")
        # One block of MD5 holds it.
        challenge = f"<{os.urandom(8).hex()}.{int(time.time())}@{_DOMAIN}>".encode()
        # The name may have spaces, the digest has none (RFC 2195, section 2).
        name, space, digest = text_of(await wire.send(challenge)).rpartition(" ")
        if not space or not _DIGEST.fullmatch(digest):
            raise Malformed("CRAM-MD5 has a name and 32 hexadecimal digits")
        return Claim(prepare_query(name), CramMd5Exchange(challenge, digest))


class CramMd5Exchange(Exchange):
    """An answer to a challenge: any number of secrets may be compared with it."""

    mechanism = kind = "CRAM-MD5"
    credential_kind = CredentialKind.CRAM_MD5
    name_kind = NameKind.TYPED

    def __init__(self, challenge: bytes, digest: str) -> None:
        """Keep what was asked and answered."""
        self._challenge = challenge
        self._digest = digest

    def verify(self, secret: ScramSecret) -> bool:
        """Return whether the client has the password of which `secret` was made."""
        return hmac.compare_digest(response_of(secret, self._challenge), self._digest)

    async def mock(self, attempt: Challenges) -> None:
        """Do nothing: the client was challenged before its name was known."""
