"""The words of random service files: good ones, and bad ones of every kind."""

from __future__ import annotations

from tests.oracle.binding import CODES

TOKENS = tuple(code.lower() for code in CODES)
EVENTS = {
    "auth": ("auth", "cred"),
    "account": ("acct",),
    "session": ("open_session", "close_session"),
    "password": ("prechauthtok", "chauthtok"),
}
"""Type -> what pam_debug calls the operations of its modules."""
TYPES = tuple(EVENTS)
CONTROLS = ("required", "requisite", "sufficient", "optional")
ACTIONS = ("ignore", "ok", "done", "bad", "die", "reset")
LARGE_JUMPS = ("5", "9", "01", "007", "100", "65536", "2147483647")

# Lower-casing makes the Kelvin sign a k and the long s an s in Python, but not in C; there,
# superscript and Arabic digits are no digits, nor are FS, NEL and NBSP blanks.
BAD_TYPES = (
    *("foo", "aut", "authh", "auth:", "-", "--auth", "@", "@includes", "required", "\\", "auth]"),
    *("pa\u017f\u017fword", "\u017fession", "\udcff", "auth\u00a0", "auth\v"),
)
BAD_CONTROLS = (
    *("mandatory", "requiredd", "require", "success", "success=", "=ok", "default", "required,"),
    *("Success=ok", "success=OK", "success=okay", "success=0", "success=00", "success=-1"),
    *("success=+1", "success=1a", "success=ok,default=bad", "success==ok", "success:ok"),
    *("sub\u017ftack", "substac\u212a", "success=\u00b2", "success=\u0661", "success\u00a0=ok"),
    *("[success=ok bogus=bad]", "[success=ok default]", "[default=ok=ok]", "[success ok]"),
    *("[success=ok\u00a0default=bad]", "[success=ok\udc85]", "[success=ok\x1cdefault=bad]"),
    *("[success=ok\\]default=bad]", "[required]x", "[Default=ok]", "[success=reset,]", "[ ]"),
    *("[success=ok;default=bad]", "[success=die default=1.5]", "[success=jump]", "[success=1 0]"),
)
MODULES = ("pam_debug", "pam_permit", "pam_deny", "pam_nonexist", "pam_localuser")
BAD_MODULES = (
    *("pam_nonexist.so", "PAM_DEBUG.SO", "pam_debug.sox", "pam_debug.so]", "pam_debug.so,"),
    *("pam_debug.so\r", "pam_debug.so\v", "pam_permit.so\u00a0", "[pam_debug.so ]", "-", "\\"),
    *("/nonexist/pam_nonexist.so", "[no such]", "pam_nonexist"),
)
NAMELESS_MODULES = ("[]", "?", ".so", "pam_nonexist/", "?.so", "/", "pam_nonexist/.so", "[")
"""Modules without a base name: libpam refuses the whole file."""
BAD_LINES = (
    *("auth", "account required", "session", "password requisite", "-auth", "-session optional"),
    *("foo", "foo bar", "pam_debug.so", "\r", "\v", "\f", "\x85", "\u00a0", "]", "= =", "\\ x"),
    *("required pam_debug.so", "\udcff\udcfe", "auth required]", "-", "@ include x"),
    "auth @include x",
)
NAMELESS_LINES = (
    *("[]", "[", "[] [] []", "auth []", "auth required []", "[auth] [required] [", "auth ["),
)
"""Lines that may leave a module without a base name."""
USERS = "users"
"""The name of a file of users for pam_localuser."""
ODD_NAME = "i1]"
"""A file's name that needs an escape in brackets."""
EMPTY_LINES = ("", "   ", "\t", "#", "# x", " \t# x", "#x \\", "##\\", "# auth required x.so")
UNFINISHED = ("auth required \\", "auth \\\n", "\\\n# c", "session optional x \\\n\n")
"""Ends of a file that was to go on."""


def odd_arguments(event: str, answer: str) -> tuple[str, ...]:
    """Return arguments that pam_debug does not know, or that are not what they seem."""
    return (
        *("debug", "=", "x=success", "[x y]", "[a\\]b]", "\\", "a\\b", "[a]b", event),
        *(f"{event}={word}" for word in (answer, "default", "SUCCESS", "", "abort=", "auth_err]")),
        *(f"{event.upper()}=abort", f"{event}x=abort"),
        *(f"[{event}={answer}]", f"[{event}=abort ]", f"[{event}={answer}"),
    )
