"""Which mechanisms a service offers on a connection, the strongest first.

A mechanism is offered if the administrator allows it, if some module of the
service's auth stack can judge what it brings, and if the connection allows it:
no plaintext without TLS, no -PLUS without something to bind to.
"""

from __future__ import annotations

import importlib
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING

from ualauth.credentials import Proof
from ualauth.sasl.mechanism import Channel, Mechanism

if TYPE_CHECKING:
    from ualauth.sasl.settings import SaslSettings

PLUS = "-PLUS"

MECHANISMS: Mapping[str, str] = {
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
    settings: SaslSettings,
    channel: Channel,
) -> Iterator[type[Mechanism]]:
    """Yield what may be offered, the strongest first; `proofs` is what modules can judge."""
    for name in MECHANISMS:
        kind = mechanism(name)
        if kind is not None and is_offered(kind, proofs, settings, channel):
            yield kind


def is_offered(
    kind: type[Mechanism],
    proofs: Container[Proof],
    settings: SaslSettings,
    channel: Channel,
) -> bool:
    """Return whether one mechanism may be offered."""
    if kind.proof not in proofs or kind.name.removesuffix(PLUS) not in settings.allowed:
        return False
    if kind.binds and not channel.bindings:
        return False
    if kind.proof is Proof.CERTIFICATE and not channel.certificate_name:
        return False
    return not kind.plaintext or channel.tls or settings.plaintext_without_tls
