"""What OAUTHBEARER and XOAUTH2 share: a token as credential (RFC 6750).

Who the client is stands in the token, or only its issuer knows. So the module
that will judge the token is asked for the name first; what it says is trusted
no sooner than it has judged the token.
"""

from __future__ import annotations

import json
from typing import Any, Protocol, cast, runtime_checkable

from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import CredentialKind, Exchange, NameKind
from ualauth.reasons import ReasonCode
from ualauth.sasl.mechanism import Claim, Malformed, Wire
from ualauth.sasl.preparation import prepare_name, vouched_name
from ualauth.stack.control import ascii_lower


class TokenExchange(Exchange):
    """A bearer token, and what modules found out about it."""

    credential_kind = CredentialKind.TOKEN
    name = ""
    """Whose it claims to be, as the issuer writes it."""

    def __init__(self, mechanism: str, token: str) -> None:
        """Keep the token."""
        self.mechanism = mechanism
        self.token = token
        self.found: dict[object, Any] = {}
        """Module -> what it found out: it need not ask twice."""
        self.scope = ""
        """The scope that is needed, for a client whose token is refused."""
        self.configuration = ""
        """The URL of the issuer's OpenID configuration, likewise."""
        self.is_narrow = True
        """Whether only a module that the token is for should name its user: by audience and
        client, and not by the issuer alone."""


class TokenVerifier(Protocol):
    """A module that can judge tokens."""

    name_kind: NameKind
    """What the claim is that it takes for the name: an authid, or an address."""

    async def name_in(self, wire: Wire, exchange: TokenExchange) -> str:
        """Return whose token it says it is, not yet judged; empty if this module cannot tell.

        A module MUST name users by tokens of its own issuer only, and SHOULD name only those
        by tokens that are for it while `exchange.is_narrow`.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if the issuer cannot be asked.

        """
        ...


@runtime_checkable
class TokenIssuer(Protocol):
    """A module that knows what a client needs to get a token that it accepts."""

    def describe_needs(self, exchange: TokenExchange) -> None:
        """Set the exchange's `scope` and `configuration`, as far as there are any."""
        ...


def begin_exchange(wire: Wire, mechanism: str) -> TokenExchange:
    """Return an exchange of a client that has shown no token yet.

    It knows already what a client is told that has none, and asks in this way for what it
    needs (RFC 7628, section 4.3): what the first module says that says anything.
    """
    exchange = TokenExchange(mechanism, "")
    for module in wire.verifiers:
        if isinstance(module, TokenIssuer):
            module.describe_needs(exchange)
        if exchange.scope or exchange.configuration:
            break
    return exchange


async def claim_of(wire: Wire, exchange: TokenExchange, wanted: str) -> Claim:
    """Return the claim of a client with a token that wants to be `wanted`, empty for itself."""
    wanted = wanted and prepare_name(wanted)
    for exchange.is_narrow in (True, False):
        name = await _name(wire, exchange)
        if name:
            if exchange.name_kind is NameKind.ADDRESS and ascii_lower(wanted) == name:
                wanted = name
            return Claim(name, exchange, wanted)
    if not wanted:
        raise Malformed("a token that names no user", ReasonCode.TOKEN_REFUSED)
    # No module will accept it; the log shows who it was said to be.
    return Claim(wanted, exchange)


async def _name(wire: Wire, exchange: TokenExchange) -> str:
    """Return whose token it says it is, by the first module that can tell; empty if none can."""
    unavailable = None
    for module in wire.verifiers:
        judge = cast("TokenVerifier", module)
        try:
            name = await judge.name_in(wire, exchange)
        except Abort as abort:
            # Another module's issuer may know it.
            unavailable = abort
            continue
        if name:
            exchange.name, exchange.name_kind = vouched_name(name), judge.name_kind
            return exchange.name
    if unavailable is not None:
        raise unavailable
    return ""


def as_json(**fields: str) -> bytes:
    """Return what a client is told whose token was refused; fields that are empty are left out."""
    return json.dumps({key: value for key, value in fields.items() if value}).encode()
