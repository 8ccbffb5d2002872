"""The machine's libpam, as python-pam binds it, and the functions that python-pam leaves out.

Nothing is loaded before `library` is called: that searches the disk, and blocks.
pam_start(3), pam_conv(3), pam_set_item(3) and _pam_types.h are the reference.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pam import PamAuthenticator
from pam.__internals import PamConv, PamHandle, PamResponse, conv_func

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.errors import UalauthError

__all__ = [
    "MAX_RESPONSE_BYTES",
    "Libpam",
    "PamConv",
    "PamFault",
    "PamHandle",
    "Style",
    "conv_func",
    "delay_func",
    "library",
]

MAX_RESPONSE_BYTES = 511
"""Longest answer: PAM_MAX_RESP_SIZE is 512, with the NUL. Modules may cut off what is longer."""

delay_func = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
"""What libpam calls instead of sleeping: code, microseconds, nothing (pam_fail_delay(3))."""


class PamFault(UalauthError):
    """The host's PAM cannot be asked; `code` is what that amounts to, the text says why."""

    def __init__(self, code: ReturnCode, text: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.code = code


class Style(enum.IntEnum):
    """What a message of libpam is; other numbers are not understood."""

    SECRET = 1
    VISIBLE = 2
    ERROR = 3
    INFO = 4


@dataclass(frozen=True, slots=True)
class Libpam:
    """The functions of libpam, and two of the C library."""

    start: Callable[..., int]
    start_confdir: Callable[..., int] | None
    end: Callable[..., int]
    set_item: Callable[..., int]
    get_item: Callable[..., int]
    getenvlist: Callable[..., Any]
    operations: Mapping[Operation, Callable[..., int]]
    calloc: Callable[..., int | None]
    free: Callable[[Any], None]

    def user(self, handle: PamHandle) -> bytes | None:
        """Return PAM_USER as it is now."""
        value = ctypes.c_void_p()
        if self.get_item(handle, Item.USER, ctypes.byref(value)) or not value.value:
            return None
        return ctypes.string_at(value.value)

    def environment(self, handle: PamHandle) -> dict[str, str]:
        """Return the variables that modules set (pam_getenvlist(3))."""
        listed = self.getenvlist(handle)
        variables: dict[str, str] = {}
        if not listed:
            return variables
        index = 0
        while listed[index]:
            text = ctypes.string_at(listed[index]).decode(errors="surrogateescape")
            self.free(listed[index])
            name, _, variables[name] = text.partition("=")
            index += 1
        self.free(listed)
        return variables

    def responses(self, answers: list[bytearray | None]) -> Any:  # noqa: ANN401 - of ctypes
        """Return an array of responses that libpam frees; `None` without memory."""
        address = self.calloc(len(answers), ctypes.sizeof(PamResponse))
        if not address:
            return None
        responses = ctypes.cast(address, ctypes.POINTER(_Response))
        for index, answer in enumerate(answers):
            if answer is None:
                continue
            copy = self.calloc(len(answer) + 1, 1)
            if not copy:
                self.drop(responses, answers)
                return None
            ctypes.memmove(copy, (ctypes.c_char * len(answer)).from_buffer(answer), len(answer))
            responses[index].text = copy
        return ctypes.cast(address, ctypes.POINTER(PamResponse))

    def drop(self, responses: Any, answers: list[bytearray | None]) -> None:  # noqa: ANN401
        """Overwrite and free responses that libpam is not going to get."""
        for index, answer in enumerate(answers):
            if answer is not None and responses[index].text:
                ctypes.memset(responses[index].text, 0, len(answer))
                self.free(responses[index].text)
        self.free(responses)


class _Response(ctypes.Structure):
    """A pam_response whose text is an address: python-pam's reads as a copy."""

    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


@functools.cache
def library() -> Libpam:
    """Return the machine's libpam; blocks when it is loaded.

    Raises:
        PamFault: if there is none, or not a whole one.

    """
    try:
        bound = PamAuthenticator()
        pam = ctypes.CDLL(ctypes.util.find_library("pam"))
        return Libpam(
            start=bound.pam_start,
            start_confdir=_start_confdir(pam),
            end=bound.pam_end,
            set_item=bound.pam_set_item,
            get_item=_bind(
                pam.pam_get_item,
                [PamHandle, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p)],
            ),
            getenvlist=_bind(
                pam.pam_getenvlist,
                [PamHandle],
                ctypes.POINTER(ctypes.c_void_p),
            ),
            operations={
                Operation.AUTHENTICATE: bound.pam_authenticate,
                Operation.SETCRED: _bind(pam.pam_setcred, [PamHandle, ctypes.c_int]),
                Operation.ACCT_MGMT: bound.pam_acct_mgmt,
                Operation.OPEN_SESSION: bound.pam_open_session,
                Operation.CLOSE_SESSION: bound.pam_close_session,
                Operation.CHAUTHTOK: _bind(pam.pam_chauthtok, [PamHandle, ctypes.c_int]),
            },
            calloc=bound.calloc,
            free=_bind(ctypes.CDLL(None).free, [ctypes.c_void_p], None),
        )
    except (OSError, AttributeError) as error:
        raise PamFault(
            ReturnCode.SERVICE_ERR,
            f"the machine's libpam cannot be loaded: {error}",
        ) from error


def _start_confdir(pam: ctypes.CDLL) -> Callable[..., int] | None:
    """Return pam_start_confdir(3), which libpam has since 1.4."""
    function = getattr(pam, "pam_start_confdir", None)
    if function is None:
        return None
    conversation, handle = ctypes.POINTER(PamConv), ctypes.POINTER(PamHandle)
    text = ctypes.c_char_p
    bound: Callable[..., int] = _bind(function, [text, text, conversation, text, handle])
    return bound


def _bind(
    function: Any,  # noqa: ANN401 - a function of ctypes
    arguments: list[Any],
    result: Any = ctypes.c_int,  # noqa: ANN401 - a type of ctypes
) -> Any:  # noqa: ANN401 - likewise
    function.argtypes = arguments
    function.restype = result
    return function
