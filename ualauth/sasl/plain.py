"""PLAIN: name and password in one message (RFC 4616)."""

from __future__ import annotations

from typing import ClassVar

from ualauth.contract.credentials import CredentialKind, Password
from ualauth.sasl.mechanism import Claim, Malformed, Mechanism, Wire, text_of
from ualauth.sasl.preparation import prepare_name


class Plain(Mechanism):
    """`authorization NUL name NUL password`."""

    name: ClassVar[str] = "PLAIN"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.PASSWORD
    plaintext: ClassVar[bool] = True

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        parts = text_of(await wire.first()).split("\0")
        if len(parts) != 3:
            raise Malformed("PLAIN has three parts")
        authorization, name, password = parts
        return Claim(
            prepare_name(name),
            # The password is prepared where it is compared: by its scheme.
            Password(password),
            authorization and prepare_name(authorization),
        )
