"""A JWK set (RFC 7517) becomes keys."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ualauth.oauth.fetching import Unavailable
from ualauth.oauth.refusing import shown

if TYPE_CHECKING:
    from joserfc.jwk import Key

log = logging.getLogger("ualauth.oauth")


def keys_of(key_set: Any) -> tuple[Key, ...]:  # noqa: ANN401 - JSON
    """Return the keys of a set, without those that cannot be used (RFC 7517, section 5)."""
    given = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(given, list):
        raise Unavailable(f"this is no set of keys{_instead(key_set)}")
    keys = tuple(key for each in given for key in _key_of(each))
    if not keys:
        raise Unavailable("this is a set of no keys that can be used")
    return keys


def _key_of(jwk: Any) -> Iterator[Key]:  # noqa: ANN401 - JSON
    from joserfc.errors import JoseError  # noqa: PLC0415 - loaded when first needed
    from joserfc.jwk import JWKRegistry  # noqa: PLC0415 - likewise

    try:
        # Not by a `KeySet`: that gives names to keys that have none.
        yield JWKRegistry.import_key(jwk)
    except (JoseError, AttributeError, LookupError, TypeError, ValueError) as error:
        log.info("a key of the issuer's is passed over: %s", type(error).__name__)


def _instead(document: Any) -> str:  # noqa: ANN401 - JSON
    """Return where the keys are, if this is a page that says so (OpenID Connect Discovery)."""
    place = document.get("jwks_uri") if isinstance(document, dict) else None
    if not isinstance(place, str):
        return ""
    return f": it is the issuer's OpenID configuration, and its keys are at {shown(place)[1:-1]}"
