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
    3: ReturnCode.AUTH_ERR,
    4: ReturnCode.AUTHTOK_ERR,  # soft error: the policy
    5: ReturnCode.PERM_DENIED,
    6: ReturnCode.AUTHINFO_UNAVAIL,  # bad version
    7: ReturnCode.AUTHTOK_ERR,  # initial ticket needed
}
"""Result of the protocol -> what it amounts to (RFC 3244, section 2)."""


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
        code = CODES.get(result.value, ReturnCode.AUTHTOK_ERR)
        text = "" if code is ReturnCode.SUCCESS else _text(context, answer) or _said(kind.octets)
        return code, text
    finally:
        context.free("krb5_free_data_contents", byref(kind))
        context.free("krb5_free_data_contents", byref(answer))


def _text(context: Context, answer: Data) -> str:
    """Return the answer as a sentence: Active Directory sends its policy as numbers."""
    message = context.made("krb5_chpw_message", byref(answer))
    with context.held(message, "krb5_free_string"):
        return _said(ctypes.string_at(message.value or 0))


def _said(octets: bytes) -> str:
    return plain(octets.decode(errors="replace"))
