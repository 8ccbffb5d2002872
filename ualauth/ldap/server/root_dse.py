"""The root DSE: what a client can learn of the server before anything else (RFC 4512, 5.1)."""

from __future__ import annotations

from ualauth.ldap.server import controls
from ualauth.ldap.server.entries import PlainEntry
from ualauth.ldap.server.schema import SUBSCHEMA

_EXTENSIONS = (controls.PASSWORD_MODIFY, controls.WHO_AM_I, controls.CANCEL)


def root_dse(suffix: str, mechanisms: tuple[str, ...], *, offers_tls: bool) -> PlainEntry:
    """Return the entry; `mechanisms` are those of SASL that this connection may use."""
    extensions = (*_EXTENSIONS, controls.START_TLS) if offers_tls else _EXTENSIONS
    return PlainEntry(
        "",
        {
            "objectClass": ("top", "OpenLDAProotDSE"),
            "structuralObjectClass": ("OpenLDAProotDSE",),
            "namingContexts": (suffix,),
            "supportedLDAPVersion": ("3",),
            "supportedControl": controls.SUPPORTED,
            "supportedExtension": tuple(sorted(extensions)),
            "supportedFeatures": controls.FEATURES,
            "supportedSASLMechanisms": mechanisms,
            "subschemaSubentry": (SUBSCHEMA,),
            "vendorName": ("ualauth",),
        },
    )
