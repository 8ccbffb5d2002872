"""UL-SASL-PWD as text: the authPassword values of RFC 5803.

SCRAM-SHA-256$65536:salt$StoredKey:ServerKey
"""

from __future__ import annotations

import base64

from ualauth.errors import PasswordError
from ualauth.passwords.cram_md5 import NAME as CRAM_MD5
from ualauth.passwords.cram_md5 import of_states
from ualauth.passwords.scram import ScramSecret, from_stored


def to_auth_password(secret: ScramSecret) -> str:
    """Return the text of a secret."""
    salt, stored, server = (
        base64.b64encode(part).decode()
        for part in (secret.salt, secret.stored_key, secret.server_key)
    )
    return f"{secret.mechanism}${secret.iterations}:{salt}${stored}:{server}"


def _from_states(inner: str, outer: str) -> ScramSecret:
    """Read the two states of CRAM-MD5, which has neither salt nor iterations."""
    try:
        return of_states(*(base64.b64decode(each, validate=True) for each in (inner, outer)))
    except ValueError:
        raise PasswordError("malformed CRAM-MD5 secret: it is not in base64") from None


def from_auth_password(text: str) -> ScramSecret:
    """Read the text of a secret.

    Raises:
        PasswordError: if it is not of that form; the text does not contain it.

    """
    pieces = text.replace(" ", "").split("$")
    if len(pieces) != 3 or any(piece.count(":") != 1 or "," in piece for piece in pieces[1:]):
        raise PasswordError("malformed SCRAM secret: it is not as RFC 5803 has it")
    scheme, info, value = pieces
    if scheme == CRAM_MD5:
        return _from_states(*value.split(":"))
    return from_stored(f"{{{scheme}}}{info.replace(':', ',')},{value.replace(':', ',')}")
