"""What an exception keeps of the calls that it ended: the lines, and not what they worked with.

A traceback holds the frames of all calls, and they hold passwords and tokens for as long as
a program keeps the exception. Tools that show the locals of frames would write them down.
"""

from __future__ import annotations

import sys
import traceback
from types import FrameType


def clear_locals(error: BaseException) -> None:
    """Let the ended calls of an exception, and of those behind it, hold nothing any more.

    For the function that hands an exception on to a caller or to a log. It removes what it
    holds itself, which is still running; what its callers hold is theirs.
    """
    running = set()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way
    while frame is not None:
        running.add(frame)
        frame = frame.f_back
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        first = each.__traceback__
        if each is not error and first is not None and first.tb_frame in running:
            # A caller was handling it when it called.
            continue
        traceback.clear_frames(first)
        if each.__suppress_context__:
            each.__context__ = None
        pending += (each.__cause__, each.__context__)
