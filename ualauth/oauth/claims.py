"""What a token has to say to be believed (RFC 7519, RFC 8725, RFC 9068), and what it says."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ualauth.oauth.keys import KeyRing


class Refused(Exception):
    """The token is not to be believed; the text is for the log, and has nothing of it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a token; an empty `audience` or `scope` is not asked for.

    `claim` is the one with the login name; `leeway` is by how many seconds clocks
    may differ.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    claim: str
    scope: str
    leeway: int

    def check(self, claims: Mapping[str, Any], *, introspected: bool = False) -> str:
        """Return the login name of a token with these claims, which its issuer vouches for.

        Who is asked for each token may leave out what it has checked itself
        (RFC 7662, section 2.2: only `active` is required).

        Raises:
            Refused: if something is wrong.

        """
        from joserfc.errors import JoseError  # noqa: PLC0415 - loaded when first needed
        from joserfc.jwt import JWTClaimsRegistry  # noqa: PLC0415 - likewise

        needed = {"essential": not introspected}
        asked: dict[str, Any] = {"iss": {**needed, "value": self.issuer}, "exp": needed}
        if self.audience:
            # Not left to the issuer: it says whether a token is good, not for what.
            asked["aud"] = {"essential": True, "value": self.audience}
        try:
            JWTClaimsRegistry(leeway=self.leeway, **asked).validate(dict(claims))
        except JoseError as error:
            raise Refused(
                f"{type(error).__name__} of {getattr(error, 'claim', 'a claim')}"
            ) from None
        wanted = set(self.scope.split(",")) - {""}
        if not wanted <= set(_scopes(claims)):
            raise Refused("it has not the scope that is needed")
        # OpenID Connect Core, section 5.1: true or false; some issuers write them as texts.
        if self.claim == "email" and claims.get("email_verified", True) not in (True, "true"):
            raise Refused("its address was not verified")
        return named(claims, self.claim)


def verified(token: str, rules: Rules, keys: KeyRing) -> str:
    """Return the login name of a JSON Web Token; blocks where keys have to be read.

    Raises:
        Refused: if it is not to be believed.
        Unavailable: if the keys cannot be had.

    """
    from joserfc import jwt  # noqa: PLC0415 - loaded when first needed
    from joserfc.errors import JoseError  # noqa: PLC0415 - likewise

    header = _part(token, 0)
    key_id = header.get("kid")
    if header.get("alg") not in rules.algorithms:
        raise Refused("its algorithm is not allowed")
    for key in keys.candidates(key_id if isinstance(key_id, str) else None):
        try:
            claims = jwt.decode(token, key, algorithms=rules.algorithms).claims
        except (JoseError, ValueError, TypeError):
            continue
        return rules.check(claims)
    raise Refused("no key of the issuer has signed it")


def claimed(token: str, claim: str) -> str:
    """Return the login name that a JSON Web Token claims, unchecked; empty if it is none."""
    try:
        return named(_part(token, 1), claim)
    except Refused:
        return ""


def named(claims: Mapping[str, Any], claim: str) -> str:
    """Return the text of the claim with the login name.

    Raises:
        Refused: if there is none.

    """
    name = claims.get(claim)
    if not isinstance(name, str) or not name:
        raise Refused(f"it has no claim {claim!r}")
    return name


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    # RFC 8693, section 4.2: text with spaces. Microsoft calls it scp, others write lists.
    found = claims.get("scope", claims.get("scp", ""))
    if isinstance(found, str):
        return found.split()
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _part(token: str, index: int) -> dict[str, Any]:
    """Return the header or the claims of a signed token (RFC 7515, section 7.1), unchecked."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("it is no signed JSON Web Token")
    try:
        found = json.loads(urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
    except (ValueError, RecursionError):
        raise Refused("it is no JSON Web Token") from None
    if not isinstance(found, dict):
        raise Refused("it is no JSON Web Token")
    return found
