"""What an entry that may run a stack has done: for operations that repeat or resume it."""

from __future__ import annotations

from ualauth.codes import ReturnCode
from ualauth.runtime.trace import Run
from ualauth.stack.engine import Suspended
from ualauth.text.dataclass import dataclass

CachedCodes = list[ReturnCode | None]


@dataclass(slots=True)
class Path:
    """What an entry that may run a stack does: for the operations that repeat or resume it."""

    decided: ReturnCode | None = None
    cached_codes: CachedCodes | None = None
    suspended: Suspended | None = None
    run: Run | None = None
    """The last one of the stack."""
