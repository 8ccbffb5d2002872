"""LOGIN: name and password, asked for one after the other (draft-murchison-sasl-login).

Obsolete, but the only mechanism of some mail programs.
"""

from __future__ import annotations

from typing import ClassVar

from ualauth.contract.credentials import CredentialKind, Password
from ualauth.sasl.mechanism import Claim, Mechanism, Wire, text_of
from ualauth.sasl.preparation import prepare_name

# Some programs know no others.
_NAME = b"Username:"
_PASSWORD = b"Password:"


class LoginMechanism(Mechanism):
    """Two questions, two answers; the name may come as the initial response."""

    name: ClassVar[str] = "LOGIN"
    credential_kind: ClassVar[CredentialKind] = CredentialKind.PASSWORD
    plaintext: ClassVar[bool] = True

    async def begin(self, wire: Wire) -> Claim:
        """See `Mechanism.begin`."""
        # Some programs send an empty initial response when they mean none.
        first = await (wire.first() if wire.initial else wire.send(_NAME))
        name = prepare_name(text_of(first))
        password = text_of(await wire.send(_PASSWORD))
        return Claim(name, Password(password))
