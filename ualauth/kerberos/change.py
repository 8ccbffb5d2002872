"""A change of password by the KDC's own protocol (RFC 3244), as the user."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import byref, c_int

from ualauth.codes import ReturnCode
from ualauth.kerberos.context import Context
from ualauth.kerberos.failures import plain
from ualauth.kerberos.libkrb5 import Credentials, Data

CODES: Mapping[int, ReturnCode] = {
    0: ReturnCode.SUCCESS,
    1: ReturnCode.AUTHINFO_UNAVAIL,  # malformed
    2: ReturnCode.AUTHINFO_UNAVAIL,  # hard error: the server's own
    # The ticket, and not the old password: a KDC gave that ticket for it a moment before.
    3: ReturnCode.AUTHINFO_UNAVAIL,
    4: ReturnCode.AUTHTOK_ERR,  # soft error: the policy
    5: ReturnCode.PERM_DENIED,
    6: ReturnCode.AUTHINFO_UNAVAIL,  # bad version
    7: ReturnCode.AUTHINFO_UNAVAIL,  # initial ticket needed: this was one
}
"""Result of the protocol -> what it amounts to (RFC 3244, section 2).

Only a soft error is about the new password: any other is no reason to try another one.
"""


def code_of(result: int) -> ReturnCode:
    """Return what a result amounts to; one that is not known says nothing of the password."""
    return CODES.get(result, ReturnCode.AUTHINFO_UNAVAIL)


def change(context: Context, credentials: Credentials, new: str) -> tuple[ReturnCode, str]:
    """Change the password of whose credentials these are; return the KDC's text as well; blocks.

    Raises:
        KerberosFault: if the KDC cannot be asked.

    """
    result, kind, answer = c_int(), Data(), Data()
    try:
        context.call(
            "krb5_change_password",
            byref(credentials),
            new.encode(),
            byref(result),
            byref(kind),
            byref(answer),
        )
        code = code_of(result.value)
        return code, _explained(context, code, kind, answer)
    finally:
        context.free("krb5_free_data_contents", byref(kind))
        context.free("krb5_free_data_contents", byref(answer))


def _explained(context: Context, code: ReturnCode, kind: Data, answer: Data) -> str:
    if code is ReturnCode.SUCCESS:
        return ""
    if code is ReturnCode.AUTHTOK_ERR:
        return _text(context, answer) or _said(kind.octets)
    # libkrb5 would have the user try a more complex password, whatever the error is.
    return ": ".join(filter(None, (_said(kind.octets), _said(answer.octets))))


def _text(context: Context, answer: Data) -> str:
    """Return the answer as a sentence: Active Directory sends its policy as numbers."""
    message = context.made("krb5_chpw_message", byref(answer))
    with context.held(message, "krb5_free_string"):
        return _said(ctypes.string_at(message.value or 0))


def _said(octets: bytes) -> str:
    return plain(octets.decode(errors="replace"))
