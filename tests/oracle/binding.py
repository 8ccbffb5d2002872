"""The machine's libpam, called from Python; as a program, a worker that runs cases.

A caller that runs this in a process of its own must be ready to lose it: libpam
crashes on some service files, and leaks memory when it refuses one. `libpam`
is the safe way in. The worker is given an empty folder; it reads one case as
JSON a line and answers with one outcome a line.
"""

from __future__ import annotations

import ctypes
import json
import resource
import shutil
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.oracle.case import Case, Outcome

LIBRARY = "libpam.so.0"

# security/_pam_types.h
_PROMPT_ECHO_OFF, _PROMPT_ECHO_ON, _ERROR_MSG, _TEXT_INFO = 1, 2, 3, 4
_SUCCESS, _BUF_ERR, _CONV_ERR, _CONV_AGAIN = 0, 5, 19, 30
_ITEMS = {"tty": 3, "rhost": 4, "ruser": 8}
CODES = (
    *("SUCCESS", "OPEN_ERR", "SYMBOL_ERR", "SERVICE_ERR", "SYSTEM_ERR", "BUF_ERR"),
    *("PERM_DENIED", "AUTH_ERR", "CRED_INSUFFICIENT", "AUTHINFO_UNAVAIL", "USER_UNKNOWN"),
    *("MAXTRIES", "NEW_AUTHTOK_REQD", "ACCT_EXPIRED", "SESSION_ERR", "CRED_UNAVAIL"),
    *("CRED_EXPIRED", "CRED_ERR", "NO_MODULE_DATA", "CONV_ERR", "AUTHTOK_ERR"),
    *("AUTHTOK_RECOVER_ERR", "AUTHTOK_LOCK_BUSY", "AUTHTOK_DISABLE_AGING", "TRY_AGAIN"),
    *("IGNORE", "ABORT", "AUTHTOK_EXPIRED", "MODULE_UNKNOWN", "BAD_ITEM", "CONV_AGAIN"),
    "INCOMPLETE",
)
"""The names of the return codes, written down once more so that a slip in ours shows."""

_MOST_FILES = 256
"""Open files of the worker: ends an endless inclusion."""


class _Message(ctypes.Structure):
    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class _Response(ctypes.Structure):
    # The text is freed by libpam, so it must not become a Python object.
    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_Talk = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.POINTER(_Response)),
    ctypes.c_void_p,
)


class _Conversation(ctypes.Structure):
    _fields_ = (("talk", _Talk), ("data", ctypes.c_void_p))


class Library:
    """The functions of libpam that an application calls."""

    def __init__(self) -> None:
        """Load the library.

        Raises:
            OSError: if there is none.
            AttributeError: if it is older than 1.4, which has no `pam_start_confdir`.

        """
        libpam = ctypes.CDLL(LIBRARY)
        libc = ctypes.CDLL(None)
        self.start = libpam.pam_start_confdir
        self.start.argtypes = (
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.POINTER(_Conversation),
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_void_p),
        )
        self.set_item = libpam.pam_set_item
        self.set_item.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
        self.end = libpam.pam_end
        self.end.argtypes = (ctypes.c_void_p, ctypes.c_int)
        self._libpam = libpam
        self.calloc = libc.calloc
        self.calloc.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
        self.calloc.restype = ctypes.c_void_p
        self.strdup = libc.strdup
        self.strdup.argtypes = (ctypes.c_char_p,)
        self.strdup.restype = ctypes.c_void_p

    def call(self, operation: str, handle: ctypes.c_void_p, flags: int) -> str:
        """Call `pam_<operation>` and return the name of its code."""
        function = getattr(self._libpam, f"pam_{operation}")
        return code_name(function(handle, ctypes.c_int(flags)))


def code_name(code: int) -> str:
    """Return the name of a return code; a number that is none stays a number."""
    return CODES[code] if 0 <= code < len(CODES) else str(code)


class _Talker:
    """Answers prompts, and writes down the texts."""

    def __init__(self, library: Library, answers: Sequence[str | None]) -> None:
        self.texts: list[str] = []
        self._library = library
        self._answers = deque(answers)
        # Kept here, because libpam does not keep the callback alive.
        self.conversation = _Conversation(_Talk(self._talk), None)

    def _talk(self, count: int, messages: Any, responses: Any, _data: object) -> int:
        array = self._library.calloc(count, ctypes.sizeof(_Response))
        if not array:
            return _BUF_ERR
        answers = ctypes.cast(array, ctypes.POINTER(_Response))
        for index in range(count):
            message = messages[index].contents
            if message.style == _TEXT_INFO:
                self.texts.append(message.text.decode(errors="surrogateescape"))
            elif message.style in (_PROMPT_ECHO_OFF, _PROMPT_ECHO_ON) and self._answers:
                answer = self._answers.popleft()
                if answer is None:
                    return _CONV_AGAIN
                data = answer.encode(errors="surrogateescape")
                answers[index].text = self._library.strdup(data)
            elif message.style != _ERROR_MSG:
                return _CONV_ERR
        responses[0] = answers
        return _SUCCESS


def run_case(case: Case, folder: Path, library: Library) -> Outcome:
    """Write the files of a case to `folder`, make its calls, and remove the folder."""
    folder.mkdir()
    try:
        case.write(folder)
        return _run(case, folder, library)
    finally:
        shutil.rmtree(folder)


def _run(case: Case, folder: Path, library: Library) -> Outcome:
    talker = _Talker(library, case.answers)
    handle = ctypes.c_void_p()
    started = library.start(
        case.service.encode(errors="surrogateescape"),
        None if case.user is None else case.user.encode(errors="surrogateescape"),
        ctypes.byref(talker.conversation),
        str(folder).encode(),
        ctypes.byref(handle),
    )
    results = [("start", code_name(started))]
    if started != _SUCCESS:
        return Outcome(tuple(results))
    for item, value in case.items.items():
        library.set_item(handle, _ITEMS[item], value.encode(errors="surrogateescape"))
    for operation, flags in case.ops:
        talker.texts.append(f">{operation}")
        results.append((operation, library.call(operation, handle, flags)))
    library.end(handle, _SUCCESS)
    return Outcome(tuple(results), tuple(talker.texts))


def main() -> None:
    """Answer the cases on standard input."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_FILES, hard))
    library = Library()
    folder = Path(sys.argv[1]) / "pam.d"
    for line in sys.stdin:
        outcome = run_case(Case.from_json(json.loads(line)), folder, library)
        sys.stdout.write(f"{json.dumps(outcome.to_json())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
