"""Mock SCRAM secrets for unknown users, against enumeration (RFC 5802, section 9).

A name that has no secret gets a salt all the same: always the same one, as a
user's would be, on every host that shares the USERLIST. It is a keyed digest of
the name (RFC 5802, section 9 leaves the means open).
"""

from __future__ import annotations

import hmac
from typing import Self

from ualauth.contract.resources import Resources
from ualauth.passwords.scram import MECHANISMS, SALT_BYTES, ScramSecret
from ualauth.text.folding import fold


class MockSecrets:
    """Makes secrets that no password has; `key` is kept with the users."""

    def __init__(self, key: bytes) -> None:
        """Keep the key."""
        self._key = key

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`; raises `StoreError` if the USERLIST cannot be read."""
        return cls(resources.secret())

    def __repr__(self) -> str:
        """Show no key."""
        return f"{type(self).__name__}()"

    def secret(self, name: str, mechanism: str) -> ScramSecret:
        """Return the mock secret of an unknown user `name`; the same for all its spellings."""
        kind = MECHANISMS[mechanism]
        parts = [
            hmac.digest(self._key, f"{use} {mechanism} {fold(name)}".encode(), kind.hash_name)
            for use in ("salt", "stored", "server")
        ]
        return ScramSecret(mechanism, parts[0][:SALT_BYTES], kind.iterations, parts[1], parts[2])
