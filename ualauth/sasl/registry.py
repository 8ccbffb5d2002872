"""The SASL mechanisms by their names: each is loaded when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from ualauth.sasl.mechanism import Mechanism

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
    "LOGIN": "login:LoginMechanism",
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
