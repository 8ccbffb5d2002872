"""What a token has to say to be trusted (RFC 7519, RFC 8725, RFC 9068), and what it says."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ualauth.contract.credentials import MAX_NAME_BYTES, is_acceptable
from ualauth.oauth.purpose import check_client, check_header, check_use, says_use
from ualauth.oauth.refusing import Refused
from ualauth.sasl.mechanism import MAX_RESPONSE
from ualauth.stack.control import ascii_lower

if TYPE_CHECKING:
    from joserfc.jws import JWSRegistry

    from ualauth.oauth.keys import KeyRing

ADDRESS = "email"
"""The claim that is an address (OpenID Connect Core, section 5.1)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a token; an empty `audience`, `clients` or `scope` is not asked for.

    `claim` is the one with the login name; `leeway` is by how many seconds clocks
    may differ. `assume_email_verified` takes an address of which the issuer does not say
    whether it was verified.
    """

    issuer: str
    audience: str
    clients: frozenset[str]
    algorithms: tuple[str, ...]
    claim: str
    scope: frozenset[str]
    leeway: int
    accept_id_tokens: bool
    assume_email_verified: bool

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
        check_use(claims, accept_id_tokens=self.accept_id_tokens)
        if introspected and not self.audience and not says_use(claims):
            # Only access tokens have an audience; without one, something else has to tell.
            raise Refused("the issuer does not say that it is an access token (token_type)")
        check_client(claims, self.clients)
        if not self.scope <= _scopes(claims):
            raise Refused("it has not the scope that is needed")
        if self.claim == ADDRESS:
            self._check_verified(claims)
        return named(claims, self.claim)

    def _check_verified(self, claims: Mapping[str, Any]) -> None:
        # OpenID Connect Core, section 5.1: true or false; Apple and Cognito write them as texts.
        # Nothing said means nothing: where users set their address, any user may have this one.
        email_verified = claims.get("email_verified")
        if email_verified is True or email_verified == "true":
            return
        if "email_verified" in claims:
            raise Refused("its address was not verified (email_verified)")
        if not self.assume_email_verified:
            raise Refused("it does not say that its address was verified (email_verified)")


def verified(token: str, rules: Rules, keys: KeyRing) -> str:
    """Return the login name of a JSON Web Token; blocks where keys have to be read.

    Raises:
        Refused: if it is not to be trusted.
        Unavailable: if the keys cannot be had.

    """
    from joserfc import errors, jwt  # noqa: PLC0415 - loaded when first needed

    header = _part(token, 0)
    check_header(header)
    if header.get("alg") not in rules.algorithms:
        raise Refused("its algorithm is not allowed (alg)")
    # Before the keys: those of another issuer are not looked for here.
    if issuer_of(token) != rules.issuer:
        raise Refused("not of this issuer")
    for key in keys.candidates(header.get("kid")):
        try:
            decoded_token = jwt.decode(token, key, rules.algorithms, _registry(rules.algorithms))
        except (errors.BadSignatureError, errors.KeyParameterError, errors.InvalidKeyCurveError):
            # Of another key, or this one is for something else.
            continue
        except (errors.JoseError, ValueError, TypeError) as error:
            raise Refused(f"it cannot be read ({type(error).__name__})") from None
        if decoded_token.header != header:
            raise Refused("its header can be read in two ways")
        try:
            return rules.check(decoded_token.claims)
        except Refused as refused:
            refused.signed = True
            raise
    raise Refused("no key of the issuer has signed it")


@cache
def _registry(algorithms: tuple[str, ...]) -> JWSRegistry:
    """Return joserfc's rules for headers, which ignore what is not known (RFC 7515, section 4)."""
    from joserfc.jws import JWSRegistry  # noqa: PLC0415 - loaded when first needed
    from joserfc.registry import JWS_HEADER_REGISTRY  # noqa: PLC0415 - likewise

    registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
    # The rest is looked at by `check_header`, or not at all (`jku`, `x5u`, `jwk`).
    registry.header_registry = {"alg": JWS_HEADER_REGISTRY["alg"]}
    registry.max_header_length = MAX_RESPONSE
    return registry


def issuer_of(token: str) -> str:
    """Return which issuer a JSON Web Token says it is of, unchecked; empty if it says none."""
    try:
        issuer = _part(token, 1).get("iss")
    except Refused:
        return ""
    return issuer if isinstance(issuer, str) else ""


def claimed(token: str, claim: str) -> str:
    """Return the login name that a JSON Web Token claims, unchecked; empty if it is none."""
    try:
        return named(_part(token, 1), claim)
    except Refused:
        return ""


def named(claims: Mapping[str, Any], claim: str) -> str:
    """Return the login name in a claim.

    An address is the same in whatever case of ASCII, and handed on in lower
    case. Every other claim is what it is.

    Raises:
        Refused: if there is none.

    """
    name = claims.get(claim)
    if not isinstance(name, str) or not name or not is_acceptable(name, MAX_NAME_BYTES):
        raise Refused(f"it has no claim {claim!r}")
    if claim != ADDRESS:
        return name
    local, _, domain = name.rpartition("@")
    if not local or not domain:
        raise Refused(f"its claim {claim!r} is no address")
    return ascii_lower(name)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    # RFC 8693, section 4.2: text with spaces. Microsoft calls it scp, others write lists.
    scope, scp = (_words(claims[name]) if name in claims else [] for name in ("scope", "scp"))
    return frozenset(scope or scp)


def _words(scope: object) -> list[str]:
    if isinstance(scope, str):
        return scope.split()
    if not isinstance(scope, list) or not all(isinstance(each, str) for each in scope):
        raise Refused("its scopes are no text (scope)")
    return scope


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
