"""The requests that set a password."""

from __future__ import annotations

from typing import Any

from pyasn1.codec.ber.decoder import decode
from pyasn1.codec.ber.encoder import encode
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, tag, univ

from ualauth.ldap.client.faults import ProtocolFault
from ualauth.ldap.client.values import Change, Modification

EXOP = "1.3.6.1.4.1.4203.1.11.1"
"""The password modify operation (RFC 3062)."""


def _octets(number: int) -> Any:  # noqa: ANN401 - of pyasn1
    form = tag.Tag(tag.tagClassContext, tag.tagFormatSimple, number)
    return univ.OctetString().subtype(implicitTag=form)


_REQUEST = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.OptionalNamedType("userIdentity", _octets(0)),
        namedtype.OptionalNamedType("oldPasswd", _octets(1)),
        namedtype.OptionalNamedType("newPasswd", _octets(2)),
    )
)
_RESPONSE = univ.Sequence(
    componentType=namedtype.NamedTypes(namedtype.OptionalNamedType("genPasswd", _octets(0)))
)


def exop(dn: str, old: str | None, new: str) -> bytes:
    """Return the value of the operation's request."""
    request = _REQUEST.clone()
    request["userIdentity"] = dn.encode()
    if old is not None:
        request["oldPasswd"] = old.encode()
    request["newPasswd"] = new.encode()
    return bytes(encode(request))


def generated(value: bytes | None) -> str:
    """Return the password that the server made, or nothing."""
    if not value:
        return ""
    try:
        password = decode(value, asn1Spec=_RESPONSE)[0]["genPasswd"]
        return bytes(password).decode() if password.isValue else ""
    except (PyAsn1Error, UnicodeDecodeError):
        pass
    raise ProtocolFault("an answer to a change of password that cannot be read")


def user_password(new: str) -> list[Modification]:
    """Return what replaces `userPassword`."""
    return [Modification(Change.REPLACE, "userPassword", (new.encode(),))]


def unicode_pwd(old: str | None, new: str) -> list[Modification]:
    """Return what changes Active Directory's password: a reset without the old one."""
    if old is None:
        return [Modification(Change.REPLACE, "unicodePwd", (_quoted(new),))]
    return [
        Modification(Change.DELETE, "unicodePwd", (_quoted(old),)),
        Modification(Change.ADD, "unicodePwd", (_quoted(new),)),
    ]


def _quoted(password: str) -> bytes:
    """Return a password as [MS-ADTS], section 3.1.1.3.1.5, wants it."""
    return f'"{password}"'.encode("utf-16-le")
