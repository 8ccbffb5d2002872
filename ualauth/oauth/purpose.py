"""What a token is for: access tokens that any bearer may use, and no others.

A good signature says who made a token. ID tokens, refresh tokens, logout tokens and security
events of the same issuer have it as well (RFC 8725, sections 3.11 and 3.12; RFC 9068, section
4; RFC 7662, section 2.2). What tells them apart depends on the issuer; decision 0035
has what each writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ualauth.oauth.refusing import Refused, shown, shown_all, shown_any

# RFC 7519, section 5.1 and RFC 9068, section 2.1; RFC 7515, section 4.1.9 allows the prefix.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
# RFC 6750 and RFC 8693, section 3; what Keycloak writes as `typ`, Cognito and Hydra as `token_use`.
_ACCESS = frozenset(
    {"bearer", "access", "access_token", "urn:ietf:params:oauth:token-type:access_token"}
)
_ID = frozenset({"id", "id_token", "urn:ietf:params:oauth:token-type:id_token"})
_USES = ("typ", "token_use", "token_type")
# OpenID Connect Core, sections 3.1.3.6 and 3.3.2.11; FAPI 1.0, part 2. Not `nonce`: Keycloak
# before 25 writes it into access tokens.
_HASHES = ("at_hash", "c_hash", "s_hash")
# OpenID Connect Core, section 2; RFC 9068, section 2.2; Okta; Entra ID 1.0.
_CLIENTS = ("azp", "client_id", "cid", "appid")


def check_header(header: Mapping[str, Any]) -> None:
    """Look at what the header of a JSON Web Token says that it is.

    Raises:
        Refused: if it is another kind of token, or asks for what is not understood.

    """
    if "typ" in header and not _is_among(header["typ"], _TYPES):
        came = shown(header["typ"])
        raise Refused(
            f"its header says that it is no access token (typ); wanted JWT or at+jwt, came {came}"
        )
    if "crit" in header:
        # RFC 7515, section 4.1.11: nothing that may stand there is understood.
        raise Refused("its header has something that must be understood (crit)")
    if not isinstance(header.get("kid", ""), str):
        raise Refused("its key id is no text (kid)")


def check_use(claims: Mapping[str, Any], *, accept_id_tokens: bool) -> None:
    """Look at what the claims of a token, or an issuer's answer about it, say that it is for.

    Raises:
        Refused: if it is no access token, or one for the holder of a key.

    """
    if "events" in claims:
        # RFC 8417, section 2.2; OpenID Connect Back-Channel Logout, section 2.4.
        raise Refused("it tells of events and lets no user in (events)")
    if "cnf" in claims:
        # RFC 7800; RFC 8705, section 3 (a TLS certificate); RFC 9449, section 6 (DPoP).
        raise Refused("it is bound to a key (cnf); a bearer has none to show")
    accepted = _ACCESS | _ID if accept_id_tokens else _ACCESS
    for name in _USES:
        if name in claims and not _is_among(claims[name], accepted):
            came = shown(claims[name])
            raise Refused(f"its use is another than a bearer's access token ({name}); came {came}")
    if not accept_id_tokens:
        for name in _HASHES:
            if name in claims:
                raise Refused(f"it is an ID token and no access token ({name})")


def says_use(claims: Mapping[str, Any]) -> bool:
    """Return whether a token, or an issuer's answer about it, says at all what it is for.

    Some issuers call an access token `Bearer`, and say nothing of a refresh token.
    """
    return any(name in claims for name in _USES)


def check_client(claims: Mapping[str, Any], clients: frozenset[str]) -> None:
    """Look at the client to which a token was issued: one of `clients`, any if there are none.

    Raises:
        Refused: if it is another client, or may be.

    """
    issued_to = [claims[name] for name in _CLIENTS if name in claims]
    if not all(isinstance(each, str) for each in issued_to):
        raise Refused(f"its client is no text; came {shown_all(issued_to)}")
    wanted = f"wanted {shown_any(sorted(clients))} (the option clients)"
    if clients and not issued_to:
        raise Refused(f"it does not say to which client it was issued (azp); {wanted}")
    if clients and not clients.issuperset(issued_to):
        came = shown_all(issued_to)
        raise Refused(f"it was issued to another client (azp); {wanted}, came {came}")


def _is_among(value: object, words: frozenset[str]) -> bool:
    """Return whether a value is one of these words, in whatever case of ASCII."""
    return isinstance(value, str) and value.isascii() and value.lower() in words
