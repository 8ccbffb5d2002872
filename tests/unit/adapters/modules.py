"""A module that takes its time, for as long as a test wants."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from ualauth.codes import ReturnCode
from ualauth.module import Attempt, Module

ASKED = threading.Event()
GO_ON = threading.Event()


@dataclass(frozen=True, slots=True)
class Options:
    """None."""


class Waiting(Module[Any]):
    """Accept every user, once the test says so."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Block a thread until then."""
        ASKED.set()
        await attempt.offload(GO_ON.wait, 60)
        return ReturnCode.SUCCESS

    async def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Say yes."""
        del attempt
        return ReturnCode.SUCCESS
