"""A client's certificate, as far as EXTERNAL needs it (RFC 4422, appendix A)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that the TLS library has verified.

    `subject` has the attributes of its name in their order, such as
    `("commonName", "John Smith")`.
    """

    subject: tuple[tuple[str, str], ...] = ()
    emails: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    fingerprint: str = ""
