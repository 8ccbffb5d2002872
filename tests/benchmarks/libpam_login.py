"""A whole login by the machine's libpam, through ctypes: start, auth, account, end."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

_PAM_CONV_ERR = 19
_Conversation = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
)


class _PamConv(ctypes.Structure):
    _fields_ = (("conv", _Conversation), ("appdata_ptr", ctypes.c_void_p))


def libpam_login(folder: Path, service: str, user: str) -> Callable[[], None]:
    """Return a function that logs `user` in once, or fails."""
    library = ctypes.CDLL("libpam.so.0")
    conversation = _PamConv(_Conversation(lambda *_: _PAM_CONV_ERR), None)
    names = service.encode(), user.encode(), str(folder).encode()
    conv = ctypes.byref(conversation)

    def login() -> None:
        handle = ctypes.c_void_p()
        place = ctypes.byref(handle)
        codes = [library.pam_start_confdir(names[0], names[1], conv, names[2], place)]
        codes += [library.pam_authenticate(handle, 0), library.pam_acct_mgmt(handle, 0)]
        codes += [library.pam_end(handle, 0)]
        if any(codes):
            raise RuntimeError(f"libpam answers {codes}")

    login.keeps = conversation  # type: ignore[attr-defined]  # libpam holds a pointer to it
    return login
