"""What a refusal costs: as much as a wrong password, for every user.

A KDC says that it does not know a user before it looks at a password. That
takes one request where a wrong password takes two, and the work of making a
key of it; so these are made up for.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from ctypes import POINTER, byref, c_int32, c_void_p
from typing import Any

from ualauth.kerberos.context import Context
from ualauth.kerberos.failures import KerberosFault
from ualauth.kerberos.libkrb5 import Data, Keyblock
from ualauth.kerberos.principal import PrincipalName

_AES256 = 18
"""ENCTYPE_AES256_CTS_HMAC_SHA1_96, what most principals have (RFC 3962)."""


def level(context: Context, name: PrincipalName, password: str, requests: int) -> None:
    """Send so many requests more, and make a key of the password; the answers are no matter."""
    with contextlib.suppress(KerberosFault):
        for _ in range(requests):
            _ask(context, name)
    _make_key(context, password, name.text)


def _ask(context: Context, name: PrincipalName) -> None:
    with (
        contextlib.suppress(KerberosFault),
        context.principal(name) as principal,
        context.credentials() as credentials,
    ):
        # The password must not be sent, or be guessed from what is sent, where there is no user.
        context.call(
            "krb5_get_init_creds_password",
            byref(credentials),
            principal,
            b"-",
            *(None, None, 0, None, None),
        )


def _make_key(context: Context, password: str, salt: str) -> None:
    octets, salting = password.encode(), salt.encode()
    key = Keyblock()
    failed = _string_to_key()(
        context.handle, _AES256, byref(_data(octets)), byref(_data(salting)), byref(key)
    )
    if not failed:
        context.free("krb5_free_keyblock_contents", byref(key))


def _data(octets: bytes) -> Data:
    """Return a krb5_data of octets, which must live as long."""
    return Data(0, len(octets), ctypes.cast(ctypes.c_char_p(octets), c_void_p))


@functools.cache
def _string_to_key() -> Any:  # noqa: ANN401 - a function of ctypes
    # In a library of its own, which libkrb5 has loaded.
    function = ctypes.CDLL("libk5crypto.so.3").krb5_c_string_to_key
    function.argtypes = [c_void_p, c_int32, POINTER(Data), POINTER(Data), POINTER(Keyblock)]
    return function
