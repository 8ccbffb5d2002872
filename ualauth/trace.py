"""How a verdict came about: every entry asked, and what it did.

A login records only the codes that modules answered. When somebody asks for
the trace, the same walk is repeated with these codes: the engine is pure, so
the repetition is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.stack.control import action_text
from ualauth.stack.engine import Frozen, State, Step, Suspended, evaluate
from ualauth.stack.model import Kind, Stack


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One entry that was asked.

    `action` is the control's word for what the code did, or the number of
    entries to jump over; `before` and `after` are the impression and the
    status around it. `remark` is what the module said about its answer.
    """

    operation: Operation
    file: str
    line: int
    module: str
    code: ReturnCode
    action: str
    before: State
    after: State
    remark: str = ""


@dataclass(slots=True)
class Run:
    """One walk over one stack, as far as it went; `verdict` is its end."""

    operation: Operation
    stack: Stack
    memory: list[ReturnCode | None]
    frozen: Frozen | None
    suspended: Suspended | None
    codes: list[ReturnCode] = field(default_factory=list)
    remarks: list[tuple[int, str]] | None = None
    verdict: ReturnCode | None = None

    def remark(self, text: str) -> None:
        """Note something about the entry that is being asked."""
        if self.remarks is None:
            self.remarks = []
        self.remarks.append((len(self.codes), text))

    def walk(self) -> list[Step]:
        """Repeat the walk, and return what each entry did."""
        steps: list[Step] = []
        blank: list[ReturnCode | None] = [None] * len(self.stack)
        memory = blank if self.frozen is None else self.memory
        again = evaluate(
            self.stack,
            memory,
            frozen=self.frozen,
            suspended=self.suspended,
            steps=steps,
        )
        try:
            next(again)
            for code in self.codes:
                again.send(code)
        except StopIteration:
            pass
        return steps

    def steps(self) -> list[TraceStep]:
        """Return the trace of this walk."""
        remarks = self.remarks or []
        return [
            TraceStep(
                self.operation,
                step.entry.source.file,
                step.entry.source.line,
                step.entry.module,
                step.code,
                action_text(step.action),
                step.before,
                step.after,
                "; ".join(text for at, text in remarks if at == index),
            )
            for index, step in enumerate(self.walk())
        ]

    def unchecked(self) -> bool:
        """Return whether some entry could not check, or makes no sense."""
        return any(
            step.code in UNCHECKED
            or step.entry.kind is Kind.MUST_FAIL
            or step.entry.control.mistake != ""
            for step in self.walk()
        )
