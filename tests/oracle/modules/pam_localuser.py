"""The module pam_localuser, for comparisons: it can be interrupted and resumed.

Of the modules that come with libpam, it is the one that asks for the user in every
operation, and answers `INCOMPLETE` while the conversation has no answer yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Self

from ualauth.codes import ReturnCode
from ualauth.contract.options import OptionProblem
from ualauth.module import Abort, Attempt, Module

_BUFFER = 8192
"""BUFSIZ of the GNU C library: a line is read as far as it fits, with a NUL behind it."""
_LONGEST_USER = _BUFFER - len(":\0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Where the users are."""

    file: Annotated[str, "A file like /etc/passwd."] = "/etc/passwd"

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Self, list[OptionProblem]]:
        """Read the last `file=`, and ignore everything else."""
        files = [word.removeprefix("file=") for word in arguments if word.startswith("file=")]
        return cls(file=files[-1]) if files else cls(), []


class PamLocaluser(Module[Options]):
    """Let in whom the file names."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Get the user, and look for a line that begins with the name and a colon."""
        user = attempt.user
        if user is None:
            try:
                user = await attempt.get_user()
            except Abort as abort:
                again = abort.code is ReturnCode.CONV_AGAIN
                return ReturnCode.INCOMPLETE if again else abort.code
        if not user:
            return ReturnCode.SERVICE_ERR
        return await attempt.offload(self._look_up, os.fsencode(user))

    def _look_up(self, user: bytes) -> ReturnCode:
        if len(user) > _LONGEST_USER:
            return ReturnCode.SERVICE_ERR
        if b":" in user:
            return ReturnCode.PERM_DENIED
        try:
            # Not Path: an empty name is nowhere, and not this folder.
            with open(self.options.file, "rb") as file:  # noqa: PTH123
                lines = _lines(file)
                listed = any(line.startswith(user + b":") for line in lines)
        except IsADirectoryError:
            # fopen(3) opens a folder, too, and there is nothing to read in it.
            listed = False
        except OSError:
            return ReturnCode.SERVICE_ERR
        return ReturnCode.SUCCESS if listed else ReturnCode.PERM_DENIED

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed."""
        return ReturnCode.SUCCESS

    acct_mgmt = authenticate
    open_session = authenticate
    close_session = authenticate
    chauthtok = authenticate


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the beginning of each line, as it is seen in C: up to a NUL."""
    while line := file.readline(_BUFFER - 1):
        yield line
        # What does not seem to fill the buffer is taken for a whole line.
        if len(line.partition(b"\0")[0]) == _BUFFER - 1 and not line.endswith(b"\n"):
            while (rest := file.readline(_BUFFER - 1)) and not _ends(rest):
                pass


def _ends(piece: bytes) -> bool:
    text = piece.partition(b"\0")[0]
    return not text or text.endswith(b"\n")
