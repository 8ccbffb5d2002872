"""The walk over random stacks: what no stack and no answers can bring about."""

from __future__ import annotations

import dataclasses
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from ualauth.codes import Operation, ReturnCode
from ualauth.module import Abort, Method
from ualauth.runtime.dispatch import ask_others, ask_simple
from ualauth.runtime.trace import Run
from ualauth.sources.problem import Source
from ualauth.stack.bind import denying
from ualauth.stack.control import Control, ControlAction
from ualauth.stack.engine import EngineStep, Frozen, Impression, Suspended, Verdict, evaluate
from ualauth.stack.model import Entry, Kind, Stack
from ualauth.testing.attempt import FakeAttempt

SUCCESS = ReturnCode.SUCCESS
INCOMPLETE = ReturnCode.INCOMPLETE
FROZEN = st.sampled_from([None, Frozen(jump_counts=True), Frozen(jump_counts=False)])

ACTIONS = st.one_of(st.integers(-5, 4), st.just(2**31 - 1))
CODES = st.one_of(
    st.sampled_from([SUCCESS, SUCCESS, ReturnCode.AUTH_ERR, ReturnCode.IGNORE]),
    st.sampled_from(ReturnCode),
)
TABLES = st.builds(
    lambda default, others: tuple(others.get(code, default) for code in ReturnCode),
    ACTIONS,
    st.dictionaries(CODES, ACTIONS, max_size=3),
)
REQUIRED = tuple(
    {SUCCESS: int(ControlAction.OK), ReturnCode.IGNORE: int(ControlAction.IGNORE)}.get(
        code, int(ControlAction.BAD)
    )
    for code in ReturnCode
)


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """Draw a stack: its levels rise by one behind a marker, and fall by any number."""
    entries: list[Entry] = []
    level = 0
    for number in range(draw(st.integers(0, 9))):
        marker = draw(st.integers(0, 3)) == 0
        level = draw(st.integers(0, level))
        table = draw(st.just(REQUIRED) | TABLES)
        entries.append(
            Entry(
                kind=Kind.SUBSTACK if marker else Kind.MODULE,
                level=level,
                control=Control("", table),
                module="",
                arguments=(),
                source=Source("", number + 1, 1),
                methods=denying(""),
                table=table,
                asked=not marker,
            ),
        )
        level += marker
    return tuple(entries)


def walk(
    stack: Stack,
    codes: list[ReturnCode],
    cached_codes: list[ReturnCode | None],
    frozen: Frozen | None = None,
    suspended: Suspended | None = None,
    steps: list[EngineStep] | None = None,
) -> tuple[Verdict, list[Entry], list[ReturnCode]]:
    """Walk, and return the verdict, the entries asked, and the codes that they answered."""
    supply = iter(codes)
    asked: list[Entry] = []
    used: list[ReturnCode] = []
    engine = evaluate(stack, cached_codes, frozen=frozen, suspended=suspended, steps=steps)
    try:
        entry = next(engine)
        while True:
            code = next(supply, ReturnCode.AUTH_ERR)
            asked.append(entry)
            used.append(code)
            entry = engine.send(code)
    except StopIteration as stop:
        return stop.value, asked, used


ANSWERS = st.lists(CODES, max_size=10)
MEMORIES = st.lists(st.one_of(st.none(), CODES.filter(lambda code: code is not INCOMPLETE)),
                    min_size=10, max_size=10)  # fmt: skip


@settings(max_examples=rounds(200))
@given(stacks(), ANSWERS, FROZEN, MEMORIES)
def test_no_user_is_let_in_unless_some_module_answered_success(
    stack: Stack,
    codes: list[ReturnCode],
    frozen: Frozen | None,
    cached_codes: list[ReturnCode | None],
) -> None:
    verdict, _, used = walk(stack, codes, cached_codes[: len(stack)], frozen)

    if verdict.code is SUCCESS:
        assert SUCCESS in used


@settings(max_examples=rounds(120))
@given(stacks(), ANSWERS.map(lambda codes: [each for each in codes if each is not SUCCESS]), FROZEN)
def test_without_a_success_the_verdict_is_a_refusal(
    stack: Stack,
    codes: list[ReturnCode],
    frozen: Frozen | None,
) -> None:
    verdict, _, _ = walk(stack, codes, [SUCCESS] * len(stack), frozen)

    assert verdict.code is not SUCCESS


@settings(max_examples=rounds(120))
@given(stacks(), ANSWERS, FROZEN, MEMORIES)
def test_a_walk_asks_entries_in_order_and_each_at_most_once(
    stack: Stack,
    codes: list[ReturnCode],
    frozen: Frozen | None,
    cached_codes: list[ReturnCode | None],
) -> None:
    verdict, asked, used = walk(stack, codes, cached_codes[: len(stack)], frozen)

    places = [stack.index(entry) for entry in asked]
    assert places == sorted(set(places))
    assert all(entry.asked for entry in asked)
    assert (verdict.suspended is not None) == (verdict.code is INCOMPLETE)
    assert verdict.code is not INCOMPLETE or used[-1] is INCOMPLETE


@settings(max_examples=rounds(120))
@given(stacks(), ANSWERS, FROZEN, MEMORIES)
def test_telling_the_steps_changes_nothing(
    stack: Stack,
    codes: list[ReturnCode],
    frozen: Frozen | None,
    cached_codes: list[ReturnCode | None],
) -> None:
    plain_memory, traced_memory = cached_codes[: len(stack)], cached_codes[: len(stack)]
    steps: list[EngineStep] = []

    plain = walk(stack, codes, plain_memory, frozen)
    traced = walk(stack, codes, traced_memory, frozen, steps=steps)

    assert plain == traced
    assert plain_memory == traced_memory
    assert [step.code for step in steps] == plain[2]
    assert [step.entry for step in steps] == plain[1]


@settings(max_examples=rounds(120))
@given(stacks(), ANSWERS, FROZEN, MEMORIES)
def test_the_steps_lead_from_one_state_to_the_next_and_to_the_verdict(
    stack: Stack,
    codes: list[ReturnCode],
    frozen: Frozen | None,
    cached_codes: list[ReturnCode | None],
) -> None:
    steps: list[EngineStep] = []
    verdict, _, _ = walk(stack, codes, cached_codes[: len(stack)], frozen, steps=steps)

    for step, following in itertools.pairwise(steps):
        assert step.after == following.before
    if steps and verdict.code is not INCOMPLETE:
        impression, status = steps[-1].after
        denied = status is SUCCESS and impression is not Impression.POSITIVE
        assert verdict.code is (ReturnCode.PERM_DENIED if denied else status)


@settings(max_examples=rounds(120))
@given(stacks(), ANSWERS, FROZEN, MEMORIES)
def test_a_run_can_be_repeated_exactly(
    stack: Stack,
    codes: list[ReturnCode],
    frozen: Frozen | None,
    cached_codes: list[ReturnCode | None],
) -> None:
    cached_codes = cached_codes[: len(stack)]
    run = Run(Operation.AUTHENTICATE, stack, list(cached_codes), frozen, None)
    steps: list[EngineStep] = []
    verdict, _, used = walk(stack, codes, cached_codes, frozen, steps=steps)
    run.codes += used
    run.verdict = verdict.code

    assert run.walk() == run.walk() == steps
    assert [step.line for step in run.steps()] == [step.entry.source.line for step in steps]


@settings(max_examples=rounds(120))
@given(stacks(), ANSWERS.filter(lambda codes: INCOMPLETE not in codes), FROZEN, st.data())
def test_an_interruption_makes_no_difference(
    stack: Stack,
    codes: list[ReturnCode],
    frozen: Frozen | None,
    data: st.DataObject,
) -> None:
    """Interrupted at any entry and resumed, a walk ends as if it had not been."""
    whole_memory: list[ReturnCode | None] = [None] * len(stack)
    complete, asked, used = walk(stack, codes, whole_memory, frozen)
    if not asked:
        return
    place = data.draw(st.integers(0, len(asked) - 1))
    cached_codes: list[ReturnCode | None] = [None] * len(stack)

    first, before, _ = walk(stack, [*used[:place], INCOMPLETE], cached_codes, frozen)
    second, after, _ = walk(stack, used[place:], cached_codes, frozen, first.suspended)

    assert first.code is INCOMPLETE
    assert second == complete
    assert [*before, *after[1:]] == asked
    assert cached_codes == whole_memory


@settings(max_examples=rounds(120))
@given(stacks(), ANSWERS, ANSWERS, st.booleans())
def test_a_frozen_walk_asks_what_the_first_one_asked(
    stack: Stack,
    codes: list[ReturnCode],
    later: list[ReturnCode],
    counts: bool,
) -> None:
    """Done depends on the impression, so only stacks without it keep their path."""
    cached_codes: list[ReturnCode | None] = [None] * len(stack)
    complete = [code for code in codes if code is not INCOMPLETE]
    _, asked, _ = walk(stack, complete, cached_codes)
    later = [code for code in later if code is not INCOMPLETE]

    _, again, _ = walk(stack, later, cached_codes, Frozen(counts))

    if all(-2 not in entry.table for entry in stack):
        assert again == asked


def answering(code: ReturnCode, way: str) -> Method:
    """Return a method that answers `code`: at once, later, or by raising it."""

    async def later(_attempt: object) -> ReturnCode:
        return code

    def refuse(_attempt: object) -> ReturnCode:
        raise Abort(code)

    methods: dict[str, Method] = {"at once": lambda _: code, "later": later, "raising": refuse}
    return methods[way]


@settings(max_examples=rounds(300))
@given(
    stacks(),
    st.lists(st.just(SUCCESS) | CODES, min_size=10, max_size=10),
    st.lists(st.sampled_from(["at once", "at once", "later", "raising"]), min_size=10, max_size=10),
    FROZEN,
    MEMORIES,
)
def test_a_walk_that_is_carried_out_is_that_of_the_engine(
    stack: Stack,
    codes: list[ReturnCode],
    ways: list[str],
    frozen: Frozen | None,
    cached_codes: list[ReturnCode | None],
) -> None:
    """Its first successes are taken without the engine."""
    cached_codes = cached_codes[: len(stack)]
    stack = tuple(
        dataclasses.replace(entry, methods=(answering(code, way),) * len(Operation))
        for entry, code, way in zip(stack, codes, ways, strict=False)
    )
    # A refusal cannot be SUCCESS.
    codes = [
        ReturnCode.SYSTEM_ERR if code is SUCCESS and way == "raising" else code
        for code, way in zip(codes, ways, strict=True)
    ]
    by_entry = dict(zip(map(id, stack), codes, strict=False))
    expected = cached_codes.copy()
    used = []
    engine = evaluate(stack, expected, frozen=frozen)
    try:
        entry = next(engine)
        while True:
            used.append(by_entry[id(entry)])
            entry = engine.send(used[-1])
    except StopIteration as stop:
        verdict: Verdict = stop.value

    attempt = FakeAttempt("nobody")
    run = Run(Operation.AUTHENTICATE, stack, cached_codes, frozen, None)

    async def carry_out() -> ReturnCode:
        answer = ask_simple(attempt, run, cached_codes)
        if answer is SUCCESS:
            return SUCCESS
        return await ask_others(attempt, run, cached_codes, answer)

    assert attempt.answer(carry_out()) is verdict.code
    assert (run.verdict, run.rest) == (verdict.code, verdict.suspended)
    assert run.codes == used
    assert cached_codes == expected
