"""Random pairs of services compared by what they mean, against all answers tried one by one."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_engine_properties import REQUIRED, TABLES
from tests.seeds import rounds
from ualauth.codes import MODULE_TYPE, UNCHECKED, ModuleType, Operation, ReturnCode
from ualauth.module import Module
from ualauth.runtime.outcome import Outcome, outcome_of
from ualauth.sources.problem import Source
from ualauth.stack.analysis.comparison import COMPARED, LOGIN, Change, compare
from ualauth.stack.bind import denying
from ualauth.stack.control import KEYWORDS, Control, parse_control
from ualauth.stack.engine import Verdict, evaluate
from ualauth.stack.model import Entry, Kind, Service, Stack

Asked = tuple[str, Operation, int]
"""Whom, for what, and how often that was asked before."""
Answers = dict[Asked, ReturnCode]


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What an entry answers, and whether it may run a stack."""

    name: str
    codes: frozenset[ReturnCode]
    nests: bool


class Answering(Module[Drawn]):
    """Answers what was drawn."""

    options_type = Drawn

    def answers(self, _operation: Operation) -> Collection[ReturnCode]:
        return self.options.codes

    def nested_service(self) -> str | None:
        return "inner" if self.options.nests else None

    def authenticate(self, _attempt: object) -> ReturnCode:
        raise AssertionError("nothing is asked")

    acct_mgmt = chauthtok = open_session = authenticate


CODES = (
    ReturnCode.SUCCESS,
    ReturnCode.IGNORE,
    ReturnCode.AUTH_ERR,
    ReturnCode.USER_UNKNOWN,
    ReturnCode.NEW_AUTHTOK_REQD,
    ReturnCode.ACCT_EXPIRED,
    ReturnCode.PERM_DENIED,
    ReturnCode.CONV_ERR,
)
KEYWORD_TABLES = [parse_control(word).table for word in KEYWORDS]


@st.composite
def pools(draw: st.DrawFn) -> list[Answering]:
    """Draw the modules of which both services ask some."""
    pool = []
    for number in range(draw(st.integers(1, 4))):
        nests = draw(st.integers(0, 5)) == 0
        codes = draw(st.frozensets(st.sampled_from(CODES), min_size=1, max_size=3))
        if nests:
            # What its stack comes to is its answer, if it runs it.
            codes = codes - {ReturnCode.NEW_AUTHTOK_REQD} | {ReturnCode.SUCCESS, ReturnCode.IGNORE}
        pool.append(Answering(Drawn(f"q{number}", codes, nests)))
    return pool


@st.composite
def stacks(draw: st.DrawFn, pool: list[Answering], most: int, *, outer: int = 0) -> Stack:
    """Draw a stack that asks modules of a pool."""
    entries: list[Entry] = []
    level = 0
    for number in range(draw(st.integers(0, most))):
        marker = draw(st.integers(0, 6)) == 0
        level = draw(st.integers(0, level))
        table = draw(st.just(REQUIRED) | st.sampled_from(KEYWORD_TABLES) | TABLES)
        module = draw(st.sampled_from(pool))
        nested: Stack = ()
        if module.options.nests and not marker:
            if outer == 2:
                continue
            nested = draw(stacks(pool, 2 - outer, outer=outer + 1))
        mistake = "odd" if draw(st.integers(0, 15)) == 0 else ""
        entries.append(
            Entry(
                kind=Kind.SUBSTACK if marker else Kind.MODULE,
                level=level,
                control=Control("", table, mistake),
                module=module.options.name,
                arguments=(module.options.name,),
                source=Source("", number + 1, 1),
                methods=denying(""),
                table=table,
                asked=not marker,
                nested=nested,
                instance=None if marker else module,
            )
        )
        level += marker
    return tuple(entries)


@st.composite
def services(draw: st.DrawFn) -> tuple[Service, list[Service]]:
    """Draw a service and four others, which are mostly the same with something changed."""
    pool = draw(pools())
    types = {each: draw(stacks(pool, 3 if each is ModuleType.AUTH else 2)) for each in ModuleType}
    others = [Service("new", draw(changed_types(types, pool))) for _ in range(4)]
    return Service("old", types), others


@st.composite
def changed_types(
    draw: st.DrawFn, types: dict[ModuleType, Stack], pool: list[Answering]
) -> dict[ModuleType, Stack]:
    """Draw stacks in which something is changed, or only where it stands."""
    other = dict(types)
    for changed in draw(st.sets(st.sampled_from(ModuleType), min_size=1, max_size=2)):
        stack = other[changed]
        match draw(st.integers(0, 4)):
            case 0:
                other[changed] = draw(stacks(pool, 3))
            case 1 if stack:
                place = draw(st.integers(0, len(stack) - 1))
                other[changed] = (*stack[:place], *stack[place + 1 :])
            case 2 if stack:
                place = draw(st.integers(0, len(stack) - 1))
                table = draw(st.sampled_from(KEYWORD_TABLES) | TABLES)
                entry = dataclasses.replace(stack[place], table=table)
                other[changed] = (*stack[:place], entry, *stack[place + 1 :])
            case 3 if len({entry.level for entry in stack}) == 1:
                other[changed] = tuple(draw(st.permutations(stack)))
            case _:
                # The same text, compiled once more.
                other[changed] = tuple(dataclasses.replace(entry) for entry in stack)
    return other


class NotYetAnswered(Exception):
    """Something is asked for which no answer is tried yet."""


def ask(
    stack: Stack, operation: Operation, answers: Answers, seen: Counter[str]
) -> tuple[ReturnCode, bool]:
    """Return the verdict of a stack, and whether some entry could not check."""
    engine = evaluate(stack, [None] * len(stack))
    unchecked = False
    try:
        entry = next(engine)
        while True:
            module = entry.instance
            assert isinstance(module, Answering)
            asked = module.options.name, operation, seen[module.options.name]
            seen[module.options.name] += 1
            if asked not in answers:
                raise NotYetAnswered(asked, module)
            code = answers[asked]
            if code is ReturnCode.SUCCESS and module.options.nests:
                code, unsure = ask(entry.nested, operation, answers, seen)
                unchecked = unchecked or unsure
            unchecked = unchecked or code in UNCHECKED or bool(entry.control.mistake)
            entry = engine.send(code)
    except StopIteration as stop:
        verdict: Verdict = stop.value
    return verdict.code, unchecked


def outcome(service: Service, operations: tuple[Operation, ...], answers: Answers) -> Outcome:
    """Return what a login comes to, as the runtime does."""
    for operation in operations:
        code, unchecked = ask(service.stacks[MODULE_TYPE[operation]], operation, answers, Counter())
        if code is not ReturnCode.SUCCESS:
            could_not_check = unchecked or code in UNCHECKED
            return outcome_of(operation, code, could_not_check=could_not_check)
    return Outcome.GRANTED


def all_logins(
    pair: tuple[Service, Service], operations: tuple[Operation, ...]
) -> Iterator[tuple[Outcome, Outcome]]:
    """Try all answers; yield what both services come to."""
    begun: list[Answers] = [{}]
    while begun:
        answers = begun.pop()
        try:
            before, after = (outcome(each, operations, answers) for each in pair)
        except NotYetAnswered as question:
            asked, module = question.args
            codes = set(module.options.codes)
            if len(codes) > 1:
                codes |= {ReturnCode.AUTHINFO_UNAVAIL, ReturnCode.SYSTEM_ERR}
            begun += [{**answers, asked: code} for code in codes]
            continue
        yield before, after


def judge(operation: Operation, code: ReturnCode, could_not_check: bool) -> Outcome:
    return outcome_of(operation, code, could_not_check=could_not_check)


def answers_of(change: Change, pair: tuple[Service, Service]) -> Answers:
    """Return the answers of a witness, and those of entries that have one alone."""
    answers: Answers = {}
    for each in change.witness:
        entry = each.before or each.after
        assert entry is not None
        assert each.before is None or each.after is None or each.before.module == each.after.module
        answers[entry.module, each.operation, each.time] = each.code
    while True:
        try:
            for service in pair:
                outcome(service, change.operations, answers)
        except NotYetAnswered as question:
            asked, module = question.args
            (answers[asked],) = module.options.codes
            continue
        return answers


@settings(max_examples=rounds(250), deadline=None)
@given(services())
def test_all_that_changes_is_told_and_nothing_else(drawn: tuple[Service, list[Service]]) -> None:
    service, others = drawn
    for other in others:
        pair = service, other
        comparison = compare(*pair, judge)
        for operations in COMPARED:
            tried = {each for each in all_logins(pair, operations) if each[0] is not each[1]}
            changes = [each for each in comparison.changes if each.operations == operations]
            assert {(each.before.outcome, each.after.outcome) for each in changes} == tried
            for change in changes:
                answers = answers_of(change, pair)
                played = tuple(outcome(each, operations, answers) for each in pair)
                assert played == (change.before.outcome, change.after.outcome)


@settings(max_examples=rounds(20), deadline=None)
@given(services())
def test_a_service_compared_with_itself_is_the_same(drawn: tuple[Service, list[Service]]) -> None:
    for service in (drawn[0], *drawn[1]):
        assert compare(service, dataclasses.replace(service), judge).changes == ()


def test_what_is_compared_begins_with_the_login() -> None:
    assert COMPARED[0] == LOGIN
