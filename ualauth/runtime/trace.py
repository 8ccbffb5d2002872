"""How a verdict came about: every entry asked, and what it did.

A login records only the codes that modules answered. When an application asks for
the trace, the same walk is repeated with these codes: the engine is pure, so
the repetition is exact.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.sources.problem import printable
from ualauth.stack.control import action_text
from ualauth.stack.engine import (
    EngineStep,
    Frozen,
    Impression,
    State,
    Suspended,
    Verdict,
    evaluate,
)
from ualauth.stack.model import Entry, Kind, Stack
from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One entry that was asked.

    `action` is the control's word for what the code did, or the number of
    entries to jump over; `before` and `after` are the impression and the
    status around it. `remark` is what the module said about its answer.
    `depth` is 0, and more in a stack that an entry ran itself: its steps follow
    the one of that entry.
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
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a walk ended as it did."""

    entries: tuple[Entry, ...]
    """The entry that set the status, then the one that did so in a stack that it ran."""
    remark: str
    """What the last of them said about its answer."""
    others: tuple[str, ...]
    """What the other entries said, each as `module:line remark`."""
    unchecked: bool
    """Whether some entry could not check, or makes no sense."""

    def __str__(self) -> str:
        """Return it as the end of a line of a log."""
        entries = ", ".join(f"{each.module} ({each.source})" for each in self.entries)
        where = f" by {entries}" if entries else ""
        said = "; ".join(filter(None, (self.remark, *self.others)))
        return f"{where}: {said}" if said else where


class Run:
    """One walk over one stack, as far as it went; `verdict` is its end.

    `rest` is what an interruption left to do; `nested` has the runs of stacks
    that entries ran, each with the number of its entry among those asked.
    """

    # What each login reads is set for each; of the rest, defaults stand on the class.
    verdict: ReturnCode | None = None
    remarks: list[tuple[int, str]] | None = None
    nested: list[tuple[int, Run]] | None = None
    depth: int = 0
    outer: tuple[Run, int] | None = None
    """The run that asks the entry which this is the stack of, and the number of that entry."""
    resumed: Run | None = None
    """The run that went on where this one was interrupted."""
    proved: bool = False
    """Whether an entry that succeeded has verified the SASL exchange."""
    _walked: list[EngineStep] | None = None
    _reason: Reason | None = None

    def __init__(
        self,
        operation: Operation,
        stack: Stack,
        cached_codes: list[ReturnCode | None],
        frozen: Frozen | None,
        suspended: Suspended | None,
    ) -> None:
        """Begin with no entry asked; `suspended` is where an interrupted walk goes on."""
        self.operation = operation
        self.stack = stack
        self.cached_codes = cached_codes
        self.frozen = frozen
        self.suspended = suspended
        self.codes: list[ReturnCode] = []
        self.rest: Suspended | None = None

    def add(self, nested: Run) -> None:
        """Note a run that is part of the entry that is being asked."""
        if self.nested is None:
            self.nested = []
        self.nested.append((len(self.codes), nested))

    def granted(self, place: int) -> bool:
        """Return whether the entry that was asked as number `place` counts as a success.

        It answered `SUCCESS`, the stack did in the end, and so did every entry
        that ran the stack.
        """
        if self.codes[place : place + 1] != [ReturnCode.SUCCESS]:
            return False
        run = self
        while run.resumed is not None:
            run = run.resumed
        if run.verdict is not ReturnCode.SUCCESS:
            return False
        return run.outer is None or run.outer[0].granted(run.outer[1])

    def says_nothing(self) -> bool:
        """Return whether each entry left the decision to others, or could not check."""
        return all(code is ReturnCode.IGNORE or code in UNCHECKED for code in self.codes) and all(
            nested.says_nothing() for _, nested in self.nested or ()
        )

    def asked(self) -> Entry | None:
        """Return the entry that is being asked, by repeating the walk up to it."""
        again = self._again(None)
        try:
            entry = next(again)
            for code in self.codes:
                entry = again.send(code)
        except StopIteration:
            return None
        return entry

    def _again(self, steps: list[EngineStep] | None) -> Generator[Entry, ReturnCode, Verdict]:
        blank: list[ReturnCode | None] = [None] * len(self.stack)
        cached_codes = blank if self.frozen is None else self.cached_codes.copy()
        return evaluate(
            self.stack,
            cached_codes,
            frozen=self.frozen,
            suspended=self.suspended,
            steps=steps,
        )

    def remark(self, text: str) -> None:
        """Note something about the entry that is being asked."""
        if self.remarks is None:
            self.remarks = []
        self.remarks.append((len(self.codes), text))

    def walk(self) -> list[EngineStep]:
        """Repeat the walk, and return what each entry did; once, if it has ended."""
        if self._walked is not None:
            return self._walked
        steps: list[EngineStep] = []
        if self.verdict is not None:
            self._walked = steps
        again = self._again(steps)
        try:
            next(again)
            for code in self.codes:
                again.send(code)
        except StopIteration:
            pass
        return steps

    def steps(self) -> list[TraceStep]:
        """Return the trace of this walk."""
        steps: list[TraceStep] = []
        for index, step in enumerate(self.walk()):
            steps.append(
                TraceStep(
                    self.operation,
                    step.entry.source.file,
                    step.entry.source.line,
                    step.entry.module,
                    step.code,
                    action_text(step.action),
                    step.before,
                    step.after,
                    self.remark_at(index),
                    self.depth,
                ),
            )
            for nested in self.nested_at(index):
                steps += nested.steps()
        return steps

    def remark_at(self, place: int) -> str:
        """Return all that was noted about the entry that was asked as number `place`."""
        # A server may have sent it, and it goes to logs and terminals.
        return "; ".join(printable(text) for at, text in self.remarks or () if at == place)

    def nested_at(self, place: int) -> list[Run]:
        """Return the runs of stacks that the entry ran which was asked as number `place`."""
        return [run for at, run in self.nested or () if at == place]

    @property
    def reason(self) -> Reason:
        """Why it ended as it did; found out once."""
        if self._reason is None:
            decided = list(_deciding(self))
            run, place = decided[-1] if decided else (None, 0)
            others = [
                f"{step.entry.module}:{step.entry.source.line} {remark}"
                for each, at, step in _every_step(self)
                if not (each is run and at == place) and (remark := each.remark_at(at))
            ]
            self._reason = Reason(
                tuple(each.walk()[at].entry for each, at in decided),
                "" if run is None else run.remark_at(place),
                tuple(others),
                any(_is_unchecked(step) for _, _, step in _every_step(self)),
            )
        return self._reason


def _deciding(run: Run) -> Iterator[tuple[Run, int]]:
    """Find the step that set the status, then the one that did so in a stack that it ran."""
    steps = run.walk()
    said = [place for place, step in enumerate(steps) if step.after.status is run.verdict]
    if not said:
        # The last check refused: the first entry that spoilt the walk is to blame, if one did.
        negative = Impression.NEGATIVE
        said = [place for place, step in enumerate(steps) if step.after.impression is negative]
    for place in said[:1]:
        yield run, place
        for nested in run.nested_at(place):
            if nested.verdict is steps[place].code:
                yield from _deciding(nested)


def _every_step(run: Run) -> Iterator[tuple[Run, int, EngineStep]]:
    """Return the steps of a run and of all that are part of it, in the order of the trace."""
    for place, step in enumerate(run.walk()):
        yield run, place, step
        for nested in run.nested_at(place):
            yield from _every_step(nested)


def _is_unchecked(step: EngineStep) -> bool:
    """Return whether an entry could not check, or makes no sense."""
    entry = step.entry
    return step.code in UNCHECKED or entry.kind is Kind.MUST_FAIL or entry.control.mistake != ""
