"""What is concluded of random stacks, against all answers tried one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_engine_properties import CODES, stacks, walk
from tests.seeds import rounds
from ualauth.codes import Operation, ReturnCode
from ualauth.contract.proof import Proof
from ualauth.module import Module
from ualauth.stack.analysis.answers import Answer, answers_of
from ualauth.stack.analysis.walks import PROVED, Walks, Ways, conclude
from ualauth.stack.engine import Verdict, evaluate
from ualauth.stack.model import Stack

AUTHENTICATE = Operation.AUTHENTICATE


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What an entry answers, and what its success proves."""

    codes: frozenset[ReturnCode]
    proof: Proof


class Answering(Module[Drawn]):
    """Answers what was drawn."""

    options_type = Drawn

    def __init__(self, options: Drawn) -> None:
        super().__init__(options)
        self.proves = options.proof

    def answers(self, _operation: Operation) -> Collection[ReturnCode]:
        return self.options.codes

    def authenticate(self, _attempt: object) -> ReturnCode:
        raise AssertionError("nothing is asked")


DRAWN = st.builds(
    Drawn,
    st.frozensets(CODES.filter(lambda code: code is not ReturnCode.INCOMPLETE), max_size=3).map(
        lambda codes: codes or frozenset({ReturnCode.SUCCESS})
    ),
    st.sampled_from(Proof),
)


@st.composite
def answering(draw: st.DrawFn) -> Stack:
    """Draw a stack of at most five entries that say what they may answer."""
    drawn = draw(stacks().filter(lambda stack: sum(entry.asked for entry in stack) <= 5))
    return tuple(
        dataclasses.replace(entry, instance=Answering(draw(DRAWN))) if entry.asked else entry
        for entry in drawn
    )


def all_walks(stack: Stack) -> Iterator[tuple[ReturnCode, bool, frozenset[int]]]:
    """Try all answers; yield each verdict, whether a proof was met, and which were asked."""
    places = {id(entry): number for number, entry in enumerate(stack)}
    begun: list[tuple[Answer, ...]] = [()]
    while begun:
        answers = begun.pop()
        engine = evaluate(stack, [None] * len(stack))
        asked = []
        try:
            entry = next(engine)
            asked.append(places[id(entry)])
            for answer in answers:
                entry = engine.send(answer.code)
                asked.append(places[id(entry)])
        except StopIteration as stop:
            verdict: Verdict = stop.value
            proved = any(answer.proved for answer in answers)
            yield verdict.code, proved, frozenset(asked)
            continue
        begun += [(*answers, each) for each in answers_of(entry, AUTHENTICATE, conclude)]


@settings(max_examples=rounds(60), deadline=None)
@given(answering())
def test_nothing_is_missing_and_nothing_is_made_up(stack: Stack) -> None:
    tried = list(all_walks(stack))
    exact = Walks(Ways(stack, AUTHENTICATE, exact=True))
    assert {(end.code, bool(end.met & PROVED)) for end in exact.ends} == {
        (code, proved) for code, proved, _ in tried
    }
    walks = Walks(Ways(stack, AUTHENTICATE))
    success = ReturnCode.SUCCESS
    assert {end.met for end in walks.ends if end.code is success} == {
        proved * PROVED for code, proved, _ in tried if code is success
    }
    assert walks.asked == exact.asked == frozenset().union(*(asked for *_, asked in tried))


@settings(max_examples=rounds(60), deadline=None)
@given(answering())
def test_each_witness_leads_where_it_says(stack: Stack) -> None:
    for exact in (False, True):
        walks = Walks(Ways(stack, AUTHENTICATE, exact=exact))
        for end in walks.ends:
            steps = walks.witness(end)
            codes = [step.answer.code for step in steps]
            verdict, asked, used = walk(stack, codes, [None] * len(stack))
            assert verdict.code is end.code
            assert [step.entry for step in steps] == asked
            assert used == codes
            assert any(step.answer.proved for step in steps) is bool(end.met & PROVED)
