"""What GSSAPI and GS2-KRB5 share: a security context that a module's keys accept (RFC 2743).

Who the client is stands in its ticket, so the context is established first. That
it was, proves who it is; what lets it in is still the service's stack, in which
the module that has the keys takes the exchange.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast

from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import CredentialKind, Exchange, NameKind
from ualauth.reasons import ReasonCode
from ualauth.sasl.mechanism import Claim, Malformed, Wire
from ualauth.sasl.preparation import prepare_name, vouched_name

_MOST_ROUNDS = 8
"""Kerberos takes one token of each side, with DCE's style three."""


class SecurityContext(Protocol):
    """The acceptor's end of a context; what computes blocks, and raises `Abort`."""

    complete: bool
    principal: str
    """Who the client is, once the context is complete."""
    keytab: str
    """Whose keys accepted it."""
    mutual: bool
    """Whether the client wants to know whom it talks to."""
    bound: bool
    """Whether the client bound the context to the same channel."""

    def step(self, token: bytes) -> bytes:
        """Take a token; return the one for the client, empty if there is none."""
        ...

    def wrap(self, data: bytes) -> bytes:
        """Protect the integrity of data."""
        ...

    def unwrap(self, data: bytes) -> bytes:
        """Return data whose integrity is right."""
        ...


class GssVerifier(Protocol):
    """A module that has keys."""

    async def accept(self, wire: Wire, bindings: bytes | None) -> SecurityContext:
        """Return a context that has not begun; `bindings` is what it has to be bound to.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` without a key.

        """
        ...

    async def user_of(self, wire: Wire, principal: str) -> str:
        """Return the user whose principal it is, empty if there is none.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if that cannot be found out.

        """
        ...


class GssExchange(Exchange):
    """A client whose ticket was accepted with the keys of a keytab."""

    credential_kind = CredentialKind.KERBEROS

    def __init__(self, mechanism: str, context: SecurityContext, user: str) -> None:
        """Keep whose ticket it was, whose keys, and the user whose principal that is."""
        self.mechanism = mechanism
        self.user = self.name = vouched_name(user)
        if "@" in user:
            # A domain stands for its realm: what the name is in that is an address, too.
            self.name_kind = NameKind.ADDRESS
        self.principal = context.principal
        self.keytab = context.keytab


class Established(NamedTuple):
    """A complete context, and the token that the client still has to get."""

    verifier: GssVerifier
    context: SecurityContext
    token: bytes

    async def claim(self, wire: Wire, mechanism: str, wanted: str) -> Claim:
        """Return the claim of the client, which wants to be `wanted`, empty for itself."""
        user = await self.verifier.user_of(wire, self.context.principal)
        if not user:
            why = f"{self.context.principal[:200]!a} is no user's principal"
            raise Malformed(why, ReasonCode.TICKET_REFUSED)
        exchange = GssExchange(mechanism, self.context, user)
        if wanted == self.context.principal:
            # Some clients ask for themselves by the name in the ticket.
            wanted = ""
        return Claim(exchange.name, exchange, wanted and prepare_name(wanted))


async def establish(wire: Wire, token: bytes, bindings: bytes | None) -> Established:
    """Establish a context from the client's first token.

    Raises:
        Abort: if no module's keys do, or the client does not go on.

    """
    if not token:
        raise Malformed("an empty token")
    verifier, context, answer = await _begun(wire, token, bindings)
    for _ in range(_MOST_ROUNDS):
        if context.complete:
            return Established(verifier, context, answer)
        answer = await wire.offload(context.step, await wire.send(answer))
    raise Malformed("a context that never is complete")


async def _begun(wire: Wire, token: bytes, bindings: bytes | None) -> Established:
    """Offer the first token to the keys of one module after the other."""
    failure: Abort | None = None
    for module in wire.verifiers:
        verifier = cast("GssVerifier", module)
        try:
            context = await verifier.accept(wire, bindings)
            return Established(verifier, context, await wire.offload(context.step, token))
        except Abort as abort:
            # That a module could not check weighs more than that another one refused.
            if failure is None or isinstance(failure, Malformed):
                failure = abort
    raise failure or Malformed("no module has keys")
