"""Whether what a module of the library has answered is among what it says it may answer."""

from __future__ import annotations

from collections.abc import Iterator

from ualauth.codes import Operation, ReturnCode
from ualauth.runtime.trace import Run
from ualauth.stack.analysis.answers import Answer, answers_of
from ualauth.stack.engine import EngineStep
from ualauth.stack.model import Stack

ANYTIME = frozenset(
    {
        ReturnCode.AUTHINFO_UNAVAIL,
        ReturnCode.SYSTEM_ERR,
        ReturnCode.CONV_AGAIN,
        ReturnCode.INCOMPLETE,
    }
)
"""No time is left, an exception, or the application puts a question off."""


def unsaid(run: Run, step: EngineStep) -> str:
    """Return which answer a module of ours gave without saying that it may; empty if none."""
    module = step.entry.instance
    if not type(module).__module__.startswith("ualauth.modules.") or step.code in ANYTIME:
        return ""
    answers = answers_of(step.entry, run.operation, _any_of)
    if any(answer.code is step.code for answer in answers):
        return ""
    return f"{type(module).__name__} answers {step.code} to {run.operation}"


def _any_of(_stack: Stack, _operation: Operation) -> Iterator[Answer]:
    return map(Answer, ReturnCode)
