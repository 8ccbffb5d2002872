"""What an application knows of the peer of a login, and of a connection with SASL exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from ualauth.sasl.certificate import ClientCertificate


class Peer(TypedDict, total=False):
    """What the application knows of the peer."""

    rhost: str | None
    """Its host name or address."""
    ruser: str | None
    """The user on whose behalf it asks, as it says."""
    tty: str | None
    """The terminal, or what stands for one."""
    tls: bool
    """Whether the connection is encrypted."""
    caller_uid: int | None
    """The UNIX uid of the calling process, from the kernel."""


class ConnectionInfo(Peer, total=False):
    """What the application knows of a connection on which SASL exchanges run."""

    channel_binding: Mapping[str, bytes] | None
    """Channel binding data by their type, such as `tls-exporter` (RFC 9266)."""
    certificate: ClientCertificate | None
    """The client's certificate, verified by the TLS library."""
