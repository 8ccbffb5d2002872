"""What a connection of aiosmtpd says about its client."""

from __future__ import annotations

from aiosmtpd.smtp import SMTP, Session

from ualauth.contract.identity import Identity, Person
from ualauth.smtp_access.hosts import Host
from ualauth.system.networks import read_address


def client_of(server: SMTP, session: Session) -> Host:
    """Return the client as the connection has it, or as a trusted proxy says."""
    proxy = session.proxy_data
    if proxy is not None:
        return Host(read_address(str(proxy.src_addr)) if proxy.src_addr else None)
    transport = server.transport
    peer: object = session.peer
    own: object = transport.get_extra_info("sockname") if transport is not None else None
    if isinstance(peer, tuple) and peer:
        address = read_address(peer[0])
        # Who comes from the very address that it goes to is on this host.
        same = isinstance(own, tuple) and address == read_address(own[0])
        return Host(address, own=address is not None and same)
    # A UNIX socket's clients have no address, and are on this host.
    return Host(own=isinstance(own, str | bytes) and bool(own))


def person_of(session: Session) -> Person | None:
    """Return who is authenticated, as an authentication hook left it in the session.

    A user who was let in without a name is none.
    """
    identity = getattr(session, "ualauth_identity", None)
    if not isinstance(identity, Identity) or identity.anonymous:
        return None
    return identity.person
