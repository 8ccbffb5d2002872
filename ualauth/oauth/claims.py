"""What a token says, which nothing has checked yet: its header, its claims, the name in it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

from ualauth.contract.credentials import MAX_NAME_BYTES, is_acceptable
from ualauth.oauth.refusing import Refused, shown_all
from ualauth.stack.control import ascii_lower

ADDRESS = "email"
"""The claim that is an address (OpenID Connect Core, section 5.1)."""


def issuer_of(token: str) -> str:
    """Return which issuer a JSON Web Token says it is of, unchecked; empty if it says none."""
    try:
        issuer = _part(token, 1).get("iss")
    except Refused:
        return ""
    return issuer if isinstance(issuer, str) else ""


def named(claims: Mapping[str, Any], claim: str) -> str:
    """Return the login name in a claim.

    An address is the same in whatever case of ASCII, and handed on in lower
    case. Every other claim is what it is.

    Raises:
        Refused: if there is none.

    """
    name = claims.get(claim)
    if not isinstance(name, str) or not name or not is_acceptable(name, MAX_NAME_BYTES):
        came = f"; it has {shown_all(sorted(claims))}" if claim not in claims else ""
        raise Refused(f"it has no claim {claim!r} that is a name{came}")
    if claim != ADDRESS:
        return name
    local, _, domain = name.rpartition("@")
    if not local or not domain:
        raise Refused(f"its claim {claim!r} is no address")
    return ascii_lower(name)


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes that a token has.

    Raises:
        Refused: if they are no text.

    """
    # RFC 8693, section 4.2: text with spaces. Microsoft calls it scp, others write lists.
    scope, scp = (_words(claims[name]) if name in claims else [] for name in ("scope", "scp"))
    return frozenset(scope or scp)


def _words(scope: object) -> list[str]:
    if isinstance(scope, str):
        return scope.split()
    if not isinstance(scope, list) or not all(isinstance(each, str) for each in scope):
        raise Refused("its scopes are no text (scope)")
    return scope


def header_of(token: str) -> dict[str, Any]:
    """Return the header of a signed token, unchecked.

    Raises:
        Refused: if it is none.

    """
    return _part(token, 0)


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a signed token, unchecked.

    Raises:
        Refused: if it is none.

    """
    return _part(token, 1)


def _part(token: str, index: int) -> dict[str, Any]:
    """Return the header or the claims of a signed token (RFC 7515, section 7.1), unchecked."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("it is no signed JSON Web Token")
    try:
        part = json.loads(urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
    except (ValueError, RecursionError):
        raise Refused("it is no JSON Web Token") from None
    if not isinstance(part, dict):
        raise Refused("it is no JSON Web Token")
    return part
