"""Controls: what is asked for, and what password policy says in an answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pyasn1.codec.ber.decoder import decode
from pyasn1.codec.ber.encoder import encode
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, tag, univ

from ualauth.ldap.client.faults import ProtocolFault
from ualauth.ldap.client.values import Policy, PolicyError

PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # noqa: S105 - draft-behera-ldap-password-policy-10, 6
PASSWORD_EXPIRED = "2.16.840.1.113730.3.4.4"  # noqa: S105 - draft-vchu-ldap-pwd-policy-00, section 2
PASSWORD_EXPIRING = "2.16.840.1.113730.3.4.5"  # noqa: S105 - the same
PAGED_RESULTS = "1.2.840.113556.1.4.319"  # RFC 2696
DIRSYNC = "1.2.840.113556.1.4.841"  # [MS-ADTS], section 3.1.1.3.4.1.3
SHOW_DELETED = "1.2.840.113556.1.4.417"  # [MS-ADTS], section 3.1.1.3.4.1.14
RESPONSES = (PASSWORD_POLICY, PASSWORD_EXPIRED, PASSWORD_EXPIRING, PAGED_RESULTS, DIRSYNC)
"""What is understood in answers."""
CRITICAL = frozenset({DIRSYNC, SHOW_DELETED})
"""Without them the answer would be one to another question."""


def _tagged(number: int, form: int = tag.tagFormatSimple) -> tag.Tag:
    return tag.Tag(tag.tagClassContext, form, number)


_INTEGER = univ.Integer()
_WARNING = univ.Choice(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("seconds", _INTEGER.subtype(implicitTag=_tagged(0))),
        namedtype.NamedType("grace", _INTEGER.subtype(implicitTag=_tagged(1))),
    )
)
_RESPONSE = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.OptionalNamedType(
            "warning", _WARNING.subtype(explicitTag=_tagged(0, tag.tagFormatConstructed))
        ),
        namedtype.OptionalNamedType("error", univ.Enumerated().subtype(implicitTag=_tagged(1))),
    )
)
_PAGE = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("size", _INTEGER),
        namedtype.NamedType("cookie", univ.OctetString()),
    )
)
_DIRSYNC = univ.Sequence(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("number", _INTEGER),
        namedtype.NamedType("length", _INTEGER),
        namedtype.NamedType("cookie", univ.OctetString()),
    )
)


def read_policy(controls: Mapping[str, bytes], *, accepted: bool) -> Policy:
    """Return what the controls of an answer say; `accepted` is whether it was a yes.

    Raises:
        ProtocolFault: if one cannot be read.

    """
    if PASSWORD_POLICY in controls:
        return _draft_behera(controls[PASSWORD_POLICY])
    if PASSWORD_EXPIRED in controls:
        # Netscape's: with a yes, nothing else is allowed until the password is changed.
        error = PolicyError.CHANGE_AFTER_RESET if accepted else PolicyError.PASSWORD_EXPIRED
        return Policy(error=error)
    if PASSWORD_EXPIRING in controls:
        # A number of seconds, as text.
        try:
            return Policy(seconds_left=int(controls[PASSWORD_EXPIRING]))
        except ValueError:
            pass
        raise ProtocolFault("a control of password policy that cannot be read")
    return Policy()


def page(size: int, after: bytes) -> bytes:
    """Return the value that asks for the next page of a search (RFC 2696)."""
    wanted = _PAGE.clone()
    wanted["size"] = size
    wanted["cookie"] = after
    return bytes(encode(wanted))


def cookie(value: bytes) -> bytes:
    """Return what to ask the next page with; empty after the last."""
    return bytes(_decoded(value, _PAGE)["cookie"])


def dirsync(octets: int, after: bytes) -> bytes:
    """Return the value that asks what changed since a cookie, in answers of so many octets."""
    wanted = _DIRSYNC.clone()
    wanted["number"] = 0
    wanted["length"] = octets
    wanted["cookie"] = after
    return bytes(encode(wanted))


def dirsync_answer(value: bytes) -> tuple[bool, bytes]:
    """Return whether there is more, and the cookie to ask with.

    Raises:
        ProtocolFault: if it cannot be read.

    """
    answer = _decoded(value, _DIRSYNC)
    return bool(int(answer["number"])), bytes(answer["cookie"])


# Servers say the same few things all the time, and reading them takes long.
@lru_cache(maxsize=256)
def _draft_behera(value: bytes) -> Policy:
    response = _decoded(value, _RESPONSE)
    warning = response["warning"]
    given = warning.getName() if warning.isValue else ""
    number = int(warning.getComponent()) if given else None
    try:
        error = PolicyError(int(response["error"])) if response["error"].isValue else None
    except ValueError:
        # One that a later draft may have: nothing that is known to be harmless.
        raise ProtocolFault("an error of password policy that is not known") from None
    return Policy(
        number if given == "seconds" else None, number if given == "grace" else None, error
    )


def _decoded(value: bytes, form: Any) -> Any:  # noqa: ANN401 - of pyasn1
    try:
        return decode(value, asn1Spec=form)[0]
    except PyAsn1Error:
        pass
    raise ProtocolFault("a control that cannot be read")
