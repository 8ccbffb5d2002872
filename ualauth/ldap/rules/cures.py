"""What mends a directory that cannot be asked: by its words, its code, the kind of fault."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.ldap.client.faults import (
    DirectoryFault,
    ProtocolFault,
    ServiceRefused,
    TimedOut,
    TlsFault,
    Unanswered,
    Unreachable,
)

_OF_KIND: Mapping[type[DirectoryFault], str] = {
    Unreachable: "is the server up, its name and port right, and no firewall between?",
    TimedOut: "is the server busy, or a firewall silent? See bind_timelimit and timelimit",
    TlsFault: "636 wants ldaps://, 389 ldap://; tls_cacertfile names the authority",
    ProtocolFault: "is this an LDAP port? 636 wants ldaps://, 389 ldap://",
    ServiceRefused: "correct binddn and bindpw; Active Directory takes user@domain, too",
    Unanswered: "the server does not allow this: look at its access rules, and at binddn",
}
_SERVICE = "add binddn and bindpw_file: the server lets no client search that has not bound"
_ENCRYPT = "remove ssl off, or use ldaps://: the server wants encryption"
_INDEX = "is there an index for the attributes of filter? Or raise the limit of the service"
OF_CODE: Mapping[int, str] = {
    1: f"look at the server's log; where it wants a bind: {_SERVICE}",
    3: _INDEX,
    4: "raise the limit that the server has for the service",
    8: _ENCRYPT,
    10: "the entry is on another server: name that one in uri, and its base",
    11: _INDEX,
    13: _ENCRYPT,
    32: "correct base; or the service may not see it: look at access rules",
    34: "correct base: it is no DN",
    48: _SERVICE,
    50: "let the service read there: look at access rules",
    51: "the server is busy: ask its administrator",
    52: "the server is not ready: ask its administrator",
    53: "the server does not do this: its text says why",
}
"""RFC 4511, section 4.1.9."""
_OF_TEXT: Mapping[str, str] = {
    "has expired": "renew the certificate of the server; is the clock of this host right?",
    "not yet valid": "is the clock of this host right?",
    "mismatch": "write the server in uri as its certificate does: under a name that it has",
    "issuer certificate": "name the authority of the server's certificate by tls_cacertfile",
    "self-signed": "name the authority of the server's certificate by tls_cacertfile",
    "host's own name": "write the name that the certificate has in uri, or library ldap3",
    "tls_cert": "add tls_cert and tls_key, if the server wants a certificate of its clients",
    "certificate required": "add tls_cert and tls_key: the server wants a certificate",
    "TLS 1.2 is the least": "let the server speak TLS 1.2, or newer",
    "cannot be read": "look at tls_cacertfile, tls_cert and tls_key: files, rights, and PEM",
    "bind by GSSAPI": "look at krb5_keytab or krb5_ccname: `kinit -k -t FILE` tries a keytab",
    "bind by EXTERNAL": "let the server map this user or certificate to an entry (authz-regexp)",
}
"""Parts of the texts of this package and of OpenSSL's."""


def cure_of(fault: DirectoryFault) -> str:
    """Return what to do about a fault."""
    if isinstance(fault, Unanswered) and fault.code in OF_CODE:
        return OF_CODE[fault.code]
    if isinstance(fault, TlsFault | ServiceRefused):
        for part, cure in _OF_TEXT.items():
            if part in fault.text:
                return cure
    return next(cure for kind, cure in _OF_KIND.items() if isinstance(fault, kind))
