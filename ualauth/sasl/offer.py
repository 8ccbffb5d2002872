"""Which mechanisms a service offers on a connection, the strongest first.

A mechanism is offered if the administrator allows it, if some module of the
service's auth stack can judge what it brings, and if the connection allows it:
no plaintext without TLS, no -PLUS without something to bind to.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING

from ualauth.contract.credentials import Proof
from ualauth.sasl.mechanism import Channel, Mechanism

if TYPE_CHECKING:
    from ualauth.sasl.settings import OfferRules, SaslSettings

log = logging.getLogger("ualauth.sasl")

PLUS = "-PLUS"

MECHANISMS: Mapping[str, str] = {
    "GS2-KRB5-PLUS": "gs2_krb5:Gs2Krb5Plus",
    "GS2-KRB5": "gs2_krb5:Gs2Krb5",
    "GSSAPI": "gssapi:Gssapi",
    "SCRAM-SHA-512-PLUS": "scram:ScramSha512Plus",
    "SCRAM-SHA-512": "scram:ScramSha512",
    "SCRAM-SHA-256-PLUS": "scram:ScramSha256Plus",
    "SCRAM-SHA-256": "scram:ScramSha256",
    "SCRAM-SHA-1-PLUS": "scram:ScramSha1Plus",
    "SCRAM-SHA-1": "scram:ScramSha1",
    "EXTERNAL": "external:External",
    "OAUTHBEARER": "oauthbearer:OAuthBearer",
    "XOAUTH2": "xoauth2:XOAuth2",
    "CRAM-MD5": "cram_md5:CramMd5",
    "PLAIN": "plain:Plain",
    "LOGIN": "login:Login",
    "ANONYMOUS": "anonymous:Anonymous",
}
"""Name -> file and class; the strongest first."""

_BY_REQUEST = frozenset({"CRAM-MD5"})
"""Offered only where an administrator asks for them by name."""

DEFAULT = tuple(name for name in MECHANISMS if not name.endswith(PLUS) and name not in _BY_REQUEST)

_loaded: dict[str, type[Mechanism]] = {}


def mechanism(name: str) -> type[Mechanism] | None:
    """Return the class of a mechanism, in any case, or `None` if there is none of that name."""
    found = _loaded.get(name)
    if found is None and (place := MECHANISMS.get(name.upper())) is not None:
        module, _, attribute = place.partition(":")
        found = getattr(importlib.import_module(f"ualauth.sasl.{module}"), attribute)
        _loaded[name.upper()] = found
    return found


def offered(
    proofs: Container[Proof],
    rules: OfferRules,
    channel: Channel,
) -> Iterator[type[Mechanism]]:
    """Yield what may be offered, the strongest first; `proofs` is what modules can judge."""
    for name in MECHANISMS:
        kind = mechanism(name)
        if kind is not None and is_offered(kind, proofs, rules, channel):
            yield kind


def is_offered(
    kind: type[Mechanism],
    proofs: Container[Proof],
    rules: OfferRules,
    channel: Channel,
) -> bool:
    """Return whether one mechanism may be offered."""
    if kind.proof not in proofs or not is_allowed(kind, rules):
        return False
    if kind.binds and not channel.bindings:
        return False
    if kind.proof is Proof.CERTIFICATE and not channel.certificate_name:
        return False
    return not kind.plaintext or channel.tls or rules.plaintext_without_tls


def is_allowed(kind: type[Mechanism], rules: OfferRules | SaslSettings) -> bool:
    """Return whether the administrator allows a mechanism."""
    return kind.name.removesuffix(PLUS) in rules.allowed


def log_not_allowed(
    service: str, kind: type[Mechanism], rules: OfferRules | SaslSettings, rhost: str | None
) -> None:
    """Tell the administrator why a client that asks for a mechanism is refused."""
    where = f" from {rhost[:80]!a}" if rhost else ""
    log.warning("%s: %s is refused%s: it is not in %s", service, kind.name, where, rules.setting)
