"""Which mechanisms a service offers on a connection, the strongest first.

A mechanism is offered if the administrator allows it, if some module of the
service's auth stack can judge what it brings, and if the connection allows it:
no plaintext without TLS, no -PLUS without something to bind to.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from ualauth.contract.credentials import CredentialKind
from ualauth.sasl.mechanism import Channel, Mechanism
from ualauth.sasl.registry import BUILT_IN, PLUS, mechanism, names

if TYPE_CHECKING:
    from ualauth.sasl.settings import OfferRules, SaslSettings


log = logging.getLogger("ualauth.sasl")


def offered(
    credential_kinds: Container[CredentialKind | str],
    rules: OfferRules,
    channel: Channel,
) -> Iterator[type[Mechanism]]:
    """Yield what may be offered, the strongest first; `credential_kinds` is what modules verify."""
    for name in names():
        kind = mechanism(name)
        if kind is not None and is_offered(kind, credential_kinds, rules, channel):
            yield kind


def offers_binding(
    credential_kinds: Container[CredentialKind | str], rules: OfferRules, channel: Channel
) -> bool:
    """Return whether a mechanism is offered that binds to the channel: `-PLUS`."""
    kinds = filter(None, map(mechanism, names()))
    return any(kind.binds and is_offered(kind, credential_kinds, rules, channel) for kind in kinds)


def is_offered(
    kind: type[Mechanism],
    credential_kinds: Container[CredentialKind | str],
    rules: OfferRules,
    channel: Channel,
) -> bool:
    """Return whether one mechanism may be offered."""
    if kind.credential_kind not in credential_kinds or not is_allowed(kind, rules):
        return False
    if kind.binds and not channel.bindings:
        return False
    if kind.credential_kind is CredentialKind.CERTIFICATE and not channel.certificate_name:
        return False
    return not kind.plaintext or channel.tls or rules.plaintext_without_tls


def is_allowed(kind: type[Mechanism], rules: OfferRules | SaslSettings) -> bool:
    """Return whether the administrator allows a mechanism.

    Where none are named, those that other packages add are allowed, too, unless they
    want to be named, or carry a typed password to a service that takes none.
    """
    if kind.name.removesuffix(PLUS) in rules.allowed:
        return True
    if not rules.others or kind.name in BUILT_IN or kind.by_request:
        return False
    typed = kind.plaintext and kind.credential_kind is CredentialKind.PASSWORD
    return rules.takes_passwords or not typed


def log_not_allowed(
    service: str, kind: type[Mechanism], rules: OfferRules | SaslSettings, rhost: str | None
) -> None:
    """Tell the administrator why a client that asks for a mechanism is refused."""
    where = f" from {rhost[:80]!a}" if rhost else ""
    log.warning("%s: %s is refused%s: it is not in %s", service, kind.name, where, rules.setting)
