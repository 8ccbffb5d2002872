"""What SMTP refuses before an exchange begins, with replies of its own."""

from __future__ import annotations

from ualauth.adapters.smtp_replies import InitialResponse, TooWeak
from ualauth.sasl.offer import PLUS, mechanism
from ualauth.sasl.settings import SaslSettings


def check_mechanism(name: str, response: bytes | None, settings: SaslSettings) -> None:
    """Refuse what RFC 4954 has a reply for.

    Raises:
        TooWeak: for a mechanism that the administrator does not allow.
        InitialResponse: for an initial response, though it be empty, where the
            server speaks first.

    """
    kind = mechanism(name)
    if kind is None:
        return
    if kind.name.removesuffix(PLUS) not in settings.allowed:
        raise TooWeak
    if response is not None and kind.server_first:
        raise InitialResponse
