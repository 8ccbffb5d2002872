"""Whether a key of the issuer has signed a JSON Web Token (RFC 7515, RFC 8725)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ualauth.oauth.claims import header_of, issuer_of
from ualauth.oauth.purpose import check_header
from ualauth.oauth.refusing import Refused, shown
from ualauth.oauth.rules import Rules, not_of
from ualauth.sasl.mechanism import MAX_RESPONSE

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jws import JWSRegistry

    from ualauth.oauth.keys import KeyRing


def verified(token: str, rules: Rules, keys: KeyRing) -> str:
    """Return the login name of a JSON Web Token; blocks where keys have to be read.

    Raises:
        Refused: if it is not to be trusted.
        Unavailable: if the keys cannot be had.

    """
    claims = signed_claims(token, rules, keys)
    try:
        return rules.check(claims)
    except Refused as refused:
        refused.signed = True
        raise


def signed_claims(token: str, rules: Rules, keys: KeyRing) -> dict[str, Any]:
    """Return the claims of a JSON Web Token that a key of the issuer has signed; blocks.

    Raises:
        Refused: if none has.
        Unavailable: if the keys cannot be had.

    """
    from joserfc import errors, jwt  # noqa: PLC0415 - loaded when first needed

    header = header_of(token)
    check_header(header)
    check_algorithm(header, rules.algorithms)
    # Before the keys: those of another issuer are not looked for here.
    issuer = issuer_of(token)
    if issuer != rules.issuer:
        raise Refused(not_of(rules.issuer, issuer or None))
    began, key_id = time.monotonic(), header.get("kid")
    known = keys.candidates(key_id)
    for key in itertools.chain(known, _later(lambda: keys.newer(key_id, known, began))):
        try:
            decoded_token = jwt.decode(token, key, rules.algorithms, _registry(rules.algorithms))
        except (errors.BadSignatureError, errors.KeyParameterError, errors.InvalidKeyCurveError):
            # Of another key, or this one is for something else.
            continue
        except (errors.JoseError, ValueError, TypeError) as error:
            raise Refused(f"it cannot be read ({type(error).__name__})") from None
        if decoded_token.header != header:
            raise Refused("its header can be read in two ways")
        claims: dict[str, Any] = decoded_token.claims
        return claims
    raise Refused("no key of the issuer has signed it")


def _later(keys: Callable[[], Iterable[Key]]) -> Iterator[Key]:
    """Yield keys that are looked for only when the first is needed."""
    yield from keys()


def check_algorithm(header: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Look at the algorithm in a header.

    Raises:
        Refused: if it is not allowed.

    """
    algorithm = header.get("alg")
    if algorithm not in allowed:
        raise Refused(
            f"its algorithm is not allowed (alg); came {shown(algorithm)}, and the option "
            f"algorithms has {','.join(allowed)}"
        )


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
