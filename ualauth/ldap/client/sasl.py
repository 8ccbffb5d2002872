"""The service's bind by SASL (RFC 4513, section 5.2): EXTERNAL and GSSAPI, with either library.

A mechanism is a generator of what is sent, which is given what the server answers.
Security layers are none of it: TLS protects the connection.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Generator, Mapping
from typing import Any

from ualauth.ldap.client import answers
from ualauth.ldap.client.connection import Connection, Reply
from ualauth.ldap.client.credentials import Mechanism, SaslCredentials
from ualauth.ldap.client.faults import ServiceRefused
from ualauth.ldap.client.settings import Uri

Steps = Generator[bytes, bytes | None, None]
_IN_PROGRESS = 14
_MOST_STEPS = 10
# RFC 4752, section 3.3: the layers that a server offers, and the size of its buffer.
_NO_LAYER = 1
_OFFER = 4
_MINE = b"\x01\x00\x00\x00"


def bind(connection: Connection, uri: Uri, credentials: SaslCredentials, seconds: float) -> None:
    """Bind as the service; blocks, for GSSAPI also until a KDC has answered.

    Raises:
        ServiceRefused: if the server does not take who it is, or there are no tickets.
        Unanswered: a code that says nothing about it.

    """
    mechanism = credentials.mechanism.value
    steps = _STEPS[credentials.mechanism](uri, credentials)
    reply, answered = Reply(_IN_PROGRESS), None
    for _ in range(_MOST_STEPS):
        try:
            token = steps.send(answered)
        except StopIteration:
            # The server wants more than there is.
            break
        reply = connection.sasl_bind(mechanism, token, seconds)
        if reply.code != _IN_PROGRESS:
            break
        answered = reply.value or b""
    if reply.code == answers.SUCCESS and _has_ended(steps):
        return
    if reply.code in answers.ELSEWHERE:
        raise answers.unanswered(reply, str(uri))
    said = f"code {reply.code} {reply.text}".rstrip("\0 ")
    raise ServiceRefused(f"the service may not bind by {credentials}: {said}")


def _has_ended(steps: Steps) -> bool:
    """Tell whether a mechanism has sent all: with Kerberos, the server has shown who it is then."""
    try:
        steps.send(b"")
    except StopIteration:
        return True
    return False


def _external(_uri: Uri, credentials: SaslCredentials) -> Steps:
    yield credentials.authzid.encode()


def _gssapi(uri: Uri, credentials: SaslCredentials) -> Steps:
    # Imported here: it takes its time, and needs its extra.
    import gssapi  # noqa: PLC0415

    host = socket.getfqdn() if uri.scheme == "ldapi" else uri.host
    try:
        context = gssapi.SecurityContext(
            name=gssapi.Name(f"ldap@{host}", gssapi.NameType.hostbased_service),
            creds=_tickets(gssapi, credentials),
            usage="initiate",
            mech=gssapi.MechType.kerberos,
            flags=int(gssapi.RequirementFlag.mutual_authentication)
            | int(gssapi.RequirementFlag.out_of_sequence_detection),
        )
        token = context.step()
        while not context.complete:
            token = context.step((yield token or b""))
        offer = context.unwrap((yield token or b"") or b"").message
        if len(offer) != _OFFER or not offer[0] & _NO_LAYER:
            fault = f"the server at {uri} wants a security layer of SASL: use TLS"
        else:
            yield context.wrap(_MINE + credentials.authzid.encode(), encrypt=False).message
            return
    except gssapi.raw.misc.GSSError as error:
        # It may hold tokens.
        reason = error.gen_message().rpartition("): ")[2]
        fault = f"the service cannot bind by {credentials}: {reason}"
    raise ServiceRefused(fault)


def _tickets(gssapi: Any, credentials: SaslCredentials) -> Any:  # noqa: ANN401 - the library
    """Return the service's tickets, which are got by the keytab, if there is one."""
    name = None
    if credentials.principal:
        name = gssapi.Name(credentials.principal, gssapi.NameType.kerberos_principal)
    store = {"ccache": credentials.ccache} if credentials.ccache else {}
    if credentials.keytab:
        # Not in the cache of the process, which may be another's.
        known = f"{credentials.keytab}\n{credentials.principal}".encode(errors="surrogateescape")
        own = f"MEMORY:ualauth-{hashlib.sha256(known).hexdigest()[:16]}"
        store = {"ccache": own} | store | {"client_keytab": f"FILE:{credentials.keytab}"}
    return gssapi.Credentials(name=name, usage="initiate", **({"store": store} if store else {}))


_STEPS: Mapping[Mechanism, Callable[[Uri, SaslCredentials], Steps]] = {
    Mechanism.EXTERNAL: _external,
    Mechanism.GSSAPI: _gssapi,
}
