"""The machine's libkrb5 (MIT), bound by ctypes: its structures, and the functions that are used.

Nothing is loaded before `library` is called: that searches the disk, and blocks.
ctypes lets other threads run during every call. Functions are called with the
names and arguments of krb5.h, which is the reference; `Context` in
`ualauth.kerberos.context` is what the rest of this room calls them through.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from ctypes import POINTER, c_char_p, c_int, c_int32, c_uint, c_void_p
from types import SimpleNamespace
from typing import Any

from ualauth.errors import ModuleUnavailable


class Data(ctypes.Structure):
    """A krb5_data: counted octets."""

    _fields_ = (("magic", c_int32), ("length", c_uint), ("data", c_void_p))

    @property
    def octets(self) -> bytes:
        """A copy of them."""
        return ctypes.string_at(self.data, self.length) if self.data else b""


class Keyblock(ctypes.Structure):
    """A krb5_keyblock: a key, of which only those of a keytab are looked at."""

    _fields_ = (
        ("magic", c_int32),
        ("enctype", c_int32),
        ("length", c_uint),
        ("contents", c_void_p),
    )


class Credentials(ctypes.Structure):
    """A krb5_creds: a ticket and its session key."""

    _fields_ = (
        ("magic", c_int32),
        ("client", c_void_p),
        ("server", c_void_p),
        ("keyblock", Keyblock),
        # authtime, starttime, endtime, renew_till: unsigned since 1.16, in the same place.
        ("times", ctypes.c_uint32 * 4),
        ("is_skey", c_uint),
        ("ticket_flags", c_int32),
        ("addresses", c_void_p),
        ("ticket", Data),
        ("second_ticket", Data),
        ("authdata", c_void_p),
    )


class KeytabEntry(ctypes.Structure):
    """A krb5_keytab_entry."""

    _fields_ = (
        ("magic", c_int32),
        ("principal", c_void_p),
        ("timestamp", ctypes.c_uint32),
        ("kvno", c_uint),
        ("key", Keyblock),
    )


class VerifyOptions(ctypes.Structure):
    """A krb5_verify_init_creds_opt."""

    _fields_ = (("flags", c_int32), ("ap_req_nofail", c_int))


class TraceInfo(ctypes.Structure):
    """A krb5_trace_info."""

    _fields_ = (("message", c_char_p),)


AP_REQ_NOFAIL = 1
"""KRB5_VERIFY_INIT_CREDS_OPT_AP_REQ_NOFAIL."""
FAST_REQUIRED = 1
"""KRB5_FAST_REQUIRED."""
PARSE_REQUIRE_REALM = 2
"""KRB5_PRINCIPAL_PARSE_REQUIRE_REALM."""
PARSE_ENTERPRISE = 4
"""KRB5_PRINCIPAL_PARSE_ENTERPRISE."""

TraceCallback = ctypes.CFUNCTYPE(None, c_void_p, POINTER(TraceInfo), c_void_p)
SendHook = ctypes.CFUNCTYPE(
    c_int32, c_void_p, c_void_p, POINTER(Data), POINTER(Data), POINTER(c_void_p), POINTER(c_void_p)
)
ExpireCallback = ctypes.CFUNCTYPE(
    None, c_void_p, c_void_p, ctypes.c_uint32, ctypes.c_uint32, c_uint
)

_NAME = "libkrb5.so.3"
_CREDENTIALS = POINTER(Credentials)
_HANDLE = POINTER(c_void_p)
_TEXT = c_char_p
_VOID = None
# Function -> result and arguments. A context and every handle is an address.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "profile_init_path": (c_int32, _TEXT, _HANDLE),
    "profile_release": (_VOID, c_void_p),
    "krb5_init_context": (c_int32, _HANDLE),
    "krb5_init_context_profile": (c_int32, c_void_p, c_int32, _HANDLE),
    "krb5_free_context": (_VOID, c_void_p),
    "krb5_get_default_config_files": (c_int32, POINTER(POINTER(c_char_p))),
    "krb5_free_config_files": (_VOID, POINTER(c_char_p)),
    "krb5_get_error_message": (c_void_p, c_void_p, c_int32),
    "krb5_free_error_message": (_VOID, c_void_p, c_void_p),
    "krb5_set_kdc_send_hook": (_VOID, c_void_p, SendHook, c_void_p),
    "krb5_set_trace_callback": (c_int32, c_void_p, TraceCallback, c_void_p),
    "krb5_use_natural_time": (c_int32, c_void_p),
    "krb5_get_default_realm": (c_int32, c_void_p, _HANDLE),
    "krb5_free_default_realm": (_VOID, c_void_p, c_void_p),
    "krb5_parse_name_flags": (c_int32, c_void_p, _TEXT, c_int, _HANDLE),
    "krb5_unparse_name": (c_int32, c_void_p, c_void_p, _HANDLE),
    "krb5_free_unparsed_name": (_VOID, c_void_p, c_void_p),
    "krb5_free_principal": (_VOID, c_void_p, c_void_p),
    "krb5_kuserok": (c_uint, c_void_p, c_void_p, _TEXT),
    "krb5_get_init_creds_opt_alloc": (c_int32, c_void_p, _HANDLE),
    "krb5_get_init_creds_opt_free": (_VOID, c_void_p, c_void_p),
    "krb5_get_init_creds_opt_set_change_password_prompt": (_VOID, c_void_p, c_int),
    "krb5_get_init_creds_opt_set_canonicalize": (_VOID, c_void_p, c_int),
    "krb5_get_init_creds_opt_set_forwardable": (_VOID, c_void_p, c_int),
    "krb5_get_init_creds_opt_set_tkt_life": (_VOID, c_void_p, c_int32),
    "krb5_get_init_creds_opt_set_renew_life": (_VOID, c_void_p, c_int32),
    "krb5_get_init_creds_opt_set_fast_ccache_name": (c_int32, c_void_p, c_void_p, _TEXT),
    "krb5_get_init_creds_opt_set_fast_flags": (c_int32, c_void_p, c_void_p, c_int32),
    "krb5_get_init_creds_opt_set_out_ccache": (c_int32, c_void_p, c_void_p, c_void_p),
    "krb5_get_init_creds_opt_set_expire_callback": (
        c_int32,
        c_void_p,
        c_void_p,
        ExpireCallback,
        c_void_p,
    ),
    "krb5_get_init_creds_password": (
        c_int32,
        c_void_p,
        _CREDENTIALS,
        c_void_p,
        _TEXT,
        c_void_p,
        c_void_p,
        c_int32,
        _TEXT,
        c_void_p,
    ),
    "krb5_get_init_creds_keytab": (
        c_int32,
        c_void_p,
        _CREDENTIALS,
        c_void_p,
        c_void_p,
        c_int32,
        _TEXT,
        c_void_p,
    ),
    "krb5_verify_init_creds": (
        c_int32,
        c_void_p,
        _CREDENTIALS,
        c_void_p,
        c_void_p,
        c_void_p,
        POINTER(VerifyOptions),
    ),
    "krb5_free_cred_contents": (_VOID, c_void_p, _CREDENTIALS),
    "krb5_change_password": (
        c_int32,
        c_void_p,
        _CREDENTIALS,
        _TEXT,
        POINTER(c_int),
        POINTER(Data),
        POINTER(Data),
    ),
    "krb5_chpw_message": (c_int32, c_void_p, POINTER(Data), _HANDLE),
    "krb5_free_data_contents": (_VOID, c_void_p, POINTER(Data)),
    "krb5_free_keyblock_contents": (_VOID, c_void_p, POINTER(Keyblock)),
    "krb5_free_string": (_VOID, c_void_p, c_void_p),
    "krb5_kt_resolve": (c_int32, c_void_p, _TEXT, _HANDLE),
    "krb5_kt_default_name": (c_int32, c_void_p, c_void_p, c_int),
    "krb5_kt_close": (c_int32, c_void_p, c_void_p),
    "krb5_kt_add_entry": (c_int32, c_void_p, c_void_p, POINTER(KeytabEntry)),
    "krb5_kt_start_seq_get": (c_int32, c_void_p, c_void_p, _HANDLE),
    "krb5_kt_next_entry": (c_int32, c_void_p, c_void_p, POINTER(KeytabEntry), _HANDLE),
    "krb5_kt_end_seq_get": (c_int32, c_void_p, c_void_p, _HANDLE),
    "krb5_free_keytab_entry_contents": (c_int32, c_void_p, POINTER(KeytabEntry)),
    "krb5_enctype_to_name": (c_int32, c_int32, c_uint, c_void_p, ctypes.c_size_t),
    "krb5_cc_resolve": (c_int32, c_void_p, _TEXT, _HANDLE),
    "krb5_cc_new_unique": (c_int32, c_void_p, _TEXT, _TEXT, _HANDLE),
    "krb5_cc_get_full_name": (c_int32, c_void_p, c_void_p, _HANDLE),
    "krb5_cc_initialize": (c_int32, c_void_p, c_void_p, c_void_p),
    "krb5_cc_get_principal": (c_int32, c_void_p, c_void_p, _HANDLE),
    "krb5_cc_store_cred": (c_int32, c_void_p, c_void_p, _CREDENTIALS),
    "krb5_cc_copy_creds": (c_int32, c_void_p, c_void_p, c_void_p),
    "krb5_cc_close": (c_int32, c_void_p, c_void_p),
    "krb5_cc_destroy": (c_int32, c_void_p, c_void_p),
}


# What neither waits for anything nor calls back is called without letting go of the
# interpreter's lock: to get it back, with other threads at work, takes longer than they do.
_QUICK = frozenset(
    {
        "krb5_use_natural_time",
        # Names have their realm in them: without one, krb5.conf would be read.
        "krb5_parse_name_flags",
        "krb5_unparse_name",
        "krb5_free_unparsed_name",
        "krb5_free_default_realm",
        "krb5_free_principal",
        "krb5_get_init_creds_opt_alloc",
        "krb5_get_init_creds_opt_free",
        "krb5_get_init_creds_opt_set_change_password_prompt",
        "krb5_get_init_creds_opt_set_canonicalize",
        "krb5_get_init_creds_opt_set_forwardable",
        "krb5_get_init_creds_opt_set_tkt_life",
        "krb5_get_init_creds_opt_set_renew_life",
        "krb5_get_init_creds_opt_set_expire_callback",
        "krb5_free_cred_contents",
        "krb5_free_string",
        # The file is opened by others.
        "krb5_kt_resolve",
        "krb5_kt_close",
    }
)


@functools.cache
def library() -> Any:  # noqa: ANN401 - its functions have the types that the table says
    """Return the functions of MIT's libkrb5, by their names; blocks when it is loaded.

    Raises:
        ModuleUnavailable: if there is none, or not a whole one. Heimdal's has
            other structures, and is refused by the name of its file.

    """
    try:
        loaded, quick = ctypes.CDLL(_NAME), ctypes.PyDLL(_NAME)
    except OSError as error:
        raise ModuleUnavailable(
            f"MIT Kerberos is not installed ({error}); on Debian: apt-get install libkrb5-3",
        ) from error
    functions = SimpleNamespace()
    for name, (result, *arguments) in _FUNCTIONS.items():
        try:
            function = getattr(quick if name in _QUICK else loaded, name)
        except AttributeError as error:
            raise ModuleUnavailable(f"libkrb5 has no {name}: it must be MIT's 1.15+") from error
        function.argtypes = arguments
        function.restype = result
        setattr(functions, name, function)
    return functions


def lack_of_library() -> str:
    """Load libkrb5; return why it is not there and how to install it, empty if it is."""
    try:
        library()
    except ModuleUnavailable as error:
        return str(error)
    return ""
