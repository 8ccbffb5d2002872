"""What an explanation says: every way that a login may go, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ualauth.codes import Operation, ReturnCode
from ualauth.explaining.answering import Basis, Choice
from ualauth.reasons import ReasonCode
from ualauth.runtime.audit_record import AuditRecord, as_dict, as_text
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.peer import Peer
from ualauth.runtime.trace import TraceStep
from ualauth.stack.engine import State
from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Deciding:
    """The entry that decided, and what it said about its answer.

    `through` has the entries, as FILE:LINE, that ran the stack which it stands in.
    """

    file: str
    line: int
    module: str
    remark: str
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """An entry that is asked, as the trace has it, and how its answer is known."""

    step: TraceStep
    basis: Basis


@dataclass(frozen=True, slots=True)
class Way:
    """One way that the login may go.

    `choices` is what is supposed of what is not known. `operation` is the last that is asked, and
    `code` what its stack concludes; `reason` is why the user is not let in. `deciding` is
    `None` where no entry decides; of a login that is granted, it is the one of the auth stack
    that lets the user in. `replies` are the lines by protocol,
    `messages` what modules tell the user, and `record` what the log has, as of the supposed time.
    """

    choices: tuple[Choice, ...]
    outcome: Outcome
    operation: Operation
    code: ReturnCode
    reason: ReasonCode | None
    remark: str
    deciding: Deciding | None
    steps: tuple[ExplainedStep, ...]
    replies: Mapping[str, str]
    messages: tuple[str, ...]
    record: AuditRecord

    @property
    def log(self) -> str:
        """The line that the log has."""
        return as_text(self.record)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of a login; `ways` has at least one.

    `is_complete` is whether all ways were followed; if not, there is no conclusion.
    """

    service: str
    user: str | None
    password: str
    mechanism: str | None
    moment: datetime
    peer: Peer
    assumed: tuple[str, ...]
    ways: tuple[Way, ...]
    is_complete: bool = True

    @property
    def conclusion(self) -> Outcome | None:
        """What it comes to on every way; `None` if that depends."""
        outcomes = {way.outcome for way in self.ways}
        return self.ways[0].outcome if self.is_complete and len(outcomes) == 1 else None

    @property
    def deciding(self) -> Deciding | None:
        """The entry that decides on every way; `None` if that depends, or none does."""
        every = {way.deciding for way in self.ways}
        return self.ways[0].deciding if self.is_complete and len(every) == 1 else None

    @property
    def depends_on(self) -> tuple[Choice, ...]:
        """What the outcome depends on, each once, with the first of its answers."""
        chosen: dict[tuple[str, str], Choice] = {}
        for choice in deciding_choices(self.ways, lambda way: way.outcome):
            chosen.setdefault((choice.what, choice.entry), choice)
        return tuple(chosen.values())

    @property
    def steps(self) -> tuple[ExplainedStep, ...]:
        """The entries that are asked on every way, from the first on."""
        common: list[ExplainedStep] = []
        for steps in zip(*(way.steps for way in self.ways), strict=False):
            if any(each != steps[0] for each in steps):
                break
            common.append(steps[0])
        return tuple(common)

    @property
    def replies(self) -> Mapping[str, str]:
        """What the client is told by each protocol; empty if that depends."""
        same = self.is_complete and all(way.replies == self.ways[0].replies for way in self.ways)
        return self.ways[0].replies if same else {}

    def as_dict(self) -> dict[str, Any]:
        """Return what the JSON has: texts, numbers, lists, objects and `None`."""
        conclusion = self.conclusion
        first = self.ways[0]
        alike = {(way.operation, way.code, way.reason) for way in self.ways}
        alone = self.is_complete and len(alike) == 1
        return {
            "service": self.service,
            "user": self.user,
            "password": self.password,
            "mechanism": self.mechanism,
            "at": self.moment.isoformat(),
            **{name: self.peer.get(name) for name in ("rhost", "ruser", "tty", "caller_uid")},
            "tls": self.peer.get("tls", False),
            "assumed": list(self.assumed),
            "conclusion": "depends" if conclusion is None else conclusion.value,
            "operation": first.operation.method if alone else None,
            "code": first.code.token if alone else None,
            "reason": None if not alone or first.reason is None else first.reason.value,
            "deciding": _deciding_dict(self.deciding),
            "depends_on": [{"what": each.what, "entry": each.entry} for each in self.depends_on],
            "complete": self.is_complete,
            "steps": [_step_dict(each) for each in self.steps],
            "replies": dict(self.replies),
            "log": first.log if len(self.ways) == 1 else None,
            "ways": [_way_dict(way) for way in self.ways],
        }


def deciding_choices(
    ways: tuple[Way, ...], comes_to: Callable[[Way], object], place: int = 0
) -> list[Choice]:
    """Return the choices, from a place on, on which it depends what ways come to."""
    if len({comes_to(way) for way in ways}) == 1:
        return []
    groups: dict[Choice | None, list[Way]] = {}
    for way in ways:
        choice = way.choices[place] if place < len(way.choices) else None
        groups.setdefault(choice, []).append(way)
    differ = len({frozenset(map(comes_to, group)) for group in groups.values()}) > 1
    choices = [choice for choice in groups if choice is not None]
    chosen = choices[:1] if differ else []
    for choice in choices:
        chosen += deciding_choices(tuple(groups[choice]), comes_to, place + 1)
    return chosen


def _way_dict(way: Way) -> dict[str, Any]:
    return {
        "supposed": [
            {"what": each.what, "entry": each.entry, "answer": each.answer} for each in way.choices
        ],
        "conclusion": way.outcome.value,
        "operation": way.operation.method,
        "code": way.code.token,
        "reason": None if way.reason is None else way.reason.value,
        "remark": way.remark,
        "deciding": _deciding_dict(way.deciding),
        "steps": [_step_dict(each) for each in way.steps],
        "replies": dict(way.replies),
        "messages": list(way.messages),
        "log": way.log,
        "record": as_dict(way.record),
    }


def _deciding_dict(deciding: Deciding | None) -> dict[str, Any] | None:
    if deciding is None:
        return None
    return {
        "file": deciding.file,
        "line": deciding.line,
        "module": deciding.module,
        "remark": deciding.remark,
        "through": list(deciding.through),
    }


def _step_dict(explained: ExplainedStep) -> dict[str, Any]:
    step = explained.step
    return {
        "operation": step.operation.method,
        "file": step.file,
        "line": step.line,
        "module": step.module,
        "code": step.code.token,
        "action": step.action,
        "before": _state_dict(step.before),
        "after": _state_dict(step.after),
        "reason": None if step.reason is None else step.reason.value,
        "remark": step.remark,
        "depth": step.depth,
        "basis": explained.basis.value,
    }


def _state_dict(state: State) -> dict[str, str]:
    return {"impression": str(state.impression), "status": str(state.status)}
