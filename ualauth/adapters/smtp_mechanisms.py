"""What SMTP refuses before an exchange begins, with replies of its own."""

from __future__ import annotations

from ualauth.adapters.smtp_replies import InitialResponse, TooWeak
from ualauth.sasl.offer import is_allowed, log_not_allowed, mechanism
from ualauth.sasl.settings import OfferRules, SaslSettings


def check_mechanism(
    name: str,
    response: bytes | None,
    rules: OfferRules | SaslSettings,
    service: str = "smtpd.auth",
    rhost: str | None = None,
) -> None:
    """Refuse what RFC 4954 has a reply for.

    Raises:
        TooWeak: for a mechanism that the administrator does not allow; the log says why.
        InitialResponse: for an initial response, though it be empty, where the
            server speaks first.

    """
    kind = mechanism(name)
    if kind is None:
        return
    if not is_allowed(kind, rules):
        log_not_allowed(service, kind, rules, rhost)
        raise TooWeak
    if response is not None and kind.server_first:
        raise InitialResponse
