"""The module pam_localuser, for comparisons: it can be interrupted and resumed.

Of the modules that come with libpam, it is the one that asks for the user in every
operation, and answers `INCOMPLETE` while the conversation has no answer yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from ualauth.codes import ReturnCode
from ualauth.module import Attempt, Module, Refusal
from ualauth.options import OptionProblem


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
            except Refusal as refusal:
                again = refusal.code is ReturnCode.CONV_AGAIN
                return ReturnCode.INCOMPLETE if again else refusal.code
        if not user:
            return ReturnCode.SERVICE_ERR
        return await attempt.offload(self._look_up, user)

    def _look_up(self, user: str) -> ReturnCode:
        try:
            lines = Path(self.options.file).read_text(encoding="utf-8").splitlines()
        except IsADirectoryError:
            # fopen(3) opens a folder, too, and there is nothing to read in it.
            lines = []
        except OSError:
            return ReturnCode.SERVICE_ERR
        found = any(line.startswith(f"{user}:") for line in lines)
        return ReturnCode.SUCCESS if found else ReturnCode.PERM_DENIED

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed."""
        return ReturnCode.SUCCESS

    acct_mgmt = authenticate
    open_session = authenticate
    close_session = authenticate
    chauthtok = authenticate
