"""How a verdict came about: every entry asked, and what it did.

A login records only the codes that modules answered. When an application asks for
the trace, the same walk is repeated with these codes: the engine is pure, so
the repetition is exact.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.reasons import REASON_OF_CODE, ReasonCode
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
    the one of that entry. `reason` is why it did not succeed, `None` if it did.
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
    reason: ReasonCode | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a walk ended as it did."""

    code: ReasonCode
    """The reason that the deciding entry gave, or what its answer stands for."""
    entries: tuple[Entry, ...] = ()
    """The entry that decided, then the one that did so in a stack that it ran."""
    remark: str = ""
    """What the last of them said about its answer."""
    others: tuple[tuple[str, str], ...] = ()
    """What the other entries said, each with its `module:line`."""
    unchecked: bool = False
    """Whether some entry could not check, or makes no sense."""


class Run:
    """One walk over one stack, as far as it went; `verdict` is its end.

    `rest` is what an interruption left to do; `nested` has the runs of stacks
    that entries ran, each with the number of its entry among those asked.
    """

    # What each login reads is set for each; of the rest, defaults stand on the class.
    verdict: ReturnCode | None = None
    remarks: list[tuple[int, str]] | None = None
    reasons: dict[int, ReasonCode] | None = None
    """The number of an entry among those asked -> the last reason that it gave."""
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

    def explain(self, reason: ReasonCode, text: str) -> None:
        """Note why the entry that is being asked does not succeed."""
        if self.reasons is None:
            self.reasons = {}
        self.reasons[len(self.codes)] = reason
        self._reason = None
        self.remark(text)

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
            succeeds = step.code is ReturnCode.SUCCESS
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
                    None if succeeds else self.reason_at(index),
                ),
            )
            for nested in self.nested_at(index):
                steps += nested.steps()
        return steps

    def remark_at(self, place: int) -> str:
        """Return all that was noted about the entry that was asked as number `place`.

        An answer that refuses, or could not be given, is never without one.
        """
        # A server may have sent it, and it goes to logs and terminals.
        said = [printable(text) for at, text in self.remarks or () if at == place and text]
        steps = self.walk()
        if place < len(steps):
            step = steps[place]
            if (own := _remark_of_control(step)) and own not in said:
                said.insert(0, own)
            if not said and step.code not in _SILENT:
                said.append(f"{step.entry.module} answers {step.code}, and does not say why")
        return "; ".join(said)

    def reason_at(self, place: int) -> ReasonCode:
        """Return why the entry that was asked as number `place` did not let the user in."""
        step = self.walk()[place]
        if step.entry.control.mistake or (step.action > 0 and _spoils(step)):
            return ReasonCode.MISCONFIGURED
        if step.code is ReturnCode.SUCCESS:
            return ReasonCode.DENIED
        given = (self.reasons or {}).get(place)
        for nested in self.nested_at(place):
            if given is None and nested.verdict is step.code:
                given = nested.reason.code
        if given is None and step.code is ReturnCode.AUTHTOK_ERR and self.operation is _CHAUTHTOK:
            return ReasonCode.PASSWORD_UNSUITABLE
        return given or REASON_OF_CODE[step.code]

    def nested_at(self, place: int) -> list[Run]:
        """Return the runs of stacks that the entry ran which was asked as number `place`."""
        return [run for at, run in self.nested or () if at == place]

    def answers(self) -> Iterator[tuple[str, str]]:
        """Yield where each entry stands that was asked, and its answer, as in the trace."""
        for place, step in enumerate(self.walk()):
            yield str(step.entry.source), step.code.token
            for nested in self.nested_at(place):
                yield from nested.answers()

    @property
    def is_plain(self) -> bool:
        """Whether each entry of the stack was asked, in its order, and answered `SUCCESS`."""
        codes = self.codes
        return (
            self.nested is None
            and self.rest is None
            and self.suspended is None
            and len(codes) == len(self.stack)
            and codes.count(ReturnCode.SUCCESS) == len(codes)
        )

    @property
    def reason(self) -> Reason:
        """Why it ended as it did; found out once."""
        if self._reason is None:
            self._reason = _reason_of(self)
        return self._reason


_CHAUTHTOK = Operation.CHAUTHTOK
_SILENT = (ReturnCode.SUCCESS, ReturnCode.IGNORE)
"""Answers that need no remark."""
_VAGUE = (ReasonCode.CREDENTIAL_NOT_JUDGED, ReasonCode.USER_UNKNOWN)
"""Reasons of entries that another one may know better."""
_NO_DECISION = "no entry of the stack let the user in, and none refused"


def _reason_of(run: Run) -> Reason:
    every = list(_every_step(run))
    unchecked = [(each, at) for each, at, step in every if _is_unchecked(step)]
    decided = list(_deciding(run))
    if unchecked and (not decided or decided[-1] not in unchecked):
        # Whatever the others say: the user was not checked.
        decided = _way_to(*unchecked[0])
    if decided:
        last, place = decided[-1]
        code, remark = last.reason_at(place), last.remark_at(place)
        if code is ReasonCode.DENIED:
            code = _reason_before(last, place) or code
    elif every:
        # All were ignored.
        decided = [every[-1][:2]]
        last, place = decided[0]
        code = ReasonCode.NO_DECISION
        remark = "; ".join(filter(None, (_NO_DECISION, last.remark_at(place))))
    else:
        return Reason(ReasonCode.NO_DECISION, remark=_NO_DECISION)
    end = len(run.codes)
    afterwards = [printable(text) for at, text in run.remarks or () if at == end]
    return Reason(
        (run.reasons or {}).get(end, code),
        tuple(each.walk()[at].entry for each, at in decided),
        "; ".join([remark, *afterwards]),
        tuple(
            (f"{step.entry.module}:{step.entry.source.line}", said)
            for each, at, step in every
            if not (each is last and at == place) and (said := each.remark_at(at))
        ),
        bool(unchecked),
    )


def _deciding(run: Run) -> Iterator[tuple[Run, int]]:
    """Find the step that set the status, then the one that did so in a stack that it ran."""
    steps = run.walk()
    if run.verdict is ReturnCode.INCOMPLETE and steps:
        # The application goes on with this entry.
        yield run, len(steps) - 1
        return
    end = steps[-1].after if steps else None
    for place in reversed(range(len(steps))):
        step = steps[place]
        if step.after == end and step.before != end:
            break
    else:
        return
    if end is not None and end.status is ReturnCode.CRED_UNAVAIL:
        # Most modules cannot judge every kind of proof: what one says that can is worth more.
        known = [at for at, each in enumerate(steps) if each.code is end.status]
        better = (at for at in known if run.reason_at(at) is not _VAGUE[0])
        place = next(better, place)
    yield run, place
    for nested in run.nested_at(place):
        if nested.verdict is steps[place].code:
            yield from _deciding(nested)


def _way_to(run: Run, place: int) -> list[tuple[Run, int]]:
    """Return the entries that ran the stack of one, and that one."""
    way = [(run, place)]
    while way[0][0].outer is not None:
        way.insert(0, way[0][0].outer)
    return way


def _reason_before(run: Run, place: int) -> ReasonCode | None:
    """Return why the entries before one that refuses every user did not let this one in.

    `pam_deny` ends many a stack, and is reached because others refused.
    """
    reasons: list[ReasonCode] = []
    for at in reversed(range(place)):
        code = run.walk()[at].code
        if code is ReturnCode.SUCCESS:
            break
        if code is not ReturnCode.IGNORE:
            reasons.append(run.reason_at(at))
    return next((each for each in reasons if each not in _VAGUE), next(iter(reasons), None))


def _spoils(step: EngineStep) -> bool:
    """Return whether it was this step that made the walk one that refuses."""
    return step.after.impression is Impression.NEGATIVE and step.before != step.after


def _remark_of_control(step: EngineStep) -> str:
    """Return what is to be said of the control, where that refuses and not the module."""
    mistake = step.entry.control.mistake
    if mistake:
        return f"this line has a mistake: {mistake}"
    if not _spoils(step):
        return ""
    if step.action > 0:
        return "it jumps beyond the end of the stack"
    if step.code is ReturnCode.SUCCESS:
        return f"success counts as {action_text(step.action)} here"
    return ""


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
