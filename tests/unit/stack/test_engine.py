"""The walk, driven by lists of codes: no files, no modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ualauth.codes import TOKENS, ReturnCode
from ualauth.sources.problem import Source
from ualauth.stack.bind import denying
from ualauth.stack.control import ControlAction, parse_control
from ualauth.stack.engine import EngineStep, Frozen, Impression, State, Suspended, Verdict, evaluate
from ualauth.stack.model import Entry, Kind, Stack

SUCCESS = ReturnCode.SUCCESS
AUTH_ERR = ReturnCode.AUTH_ERR
PERM_DENIED = ReturnCode.PERM_DENIED
INCOMPLETE = ReturnCode.INCOMPLETE


def stack_of(*controls: str) -> Stack:
    """Return a stack; each `>` before a control is a level, and `substack` is a marker."""
    entries = []
    for number, text in enumerate(controls, 1):
        word = text.lstrip(">")
        marker = word == "substack"
        control = parse_control("required" if marker else word)
        entries.append(
            Entry(
                kind=Kind.SUBSTACK if marker else Kind.MODULE,
                level=len(text) - len(word),
                control=control,
                module="",
                arguments=(),
                source=Source("test", number, 1),
                methods=denying(""),
                table=control.table,
                asked=not marker,
            ),
        )
    return tuple(entries)


@dataclass
class Walked:
    """What came out of a walk."""

    verdict: Verdict
    asked: list[int]
    cached_codes: list[ReturnCode | None]
    steps: list[EngineStep]

    @property
    def code(self) -> str:
        """The verdict's word."""
        return str(self.verdict.code)


def walk(
    stack: Stack,
    codes: Sequence[ReturnCode | str],
    *,
    frozen: Frozen | None = None,
    cached_codes: list[ReturnCode | None] | None = None,
    suspended: Suspended | None = None,
    with_steps: bool = False,
) -> Walked:
    """Walk over a stack that gets these codes; every code must be used."""
    if cached_codes is None:
        cached_codes = [None] * len(stack)
    steps: list[EngineStep] = []
    asked: list[int] = []
    engine = evaluate(
        stack,
        cached_codes,
        frozen=frozen,
        suspended=suspended,
        steps=steps if with_steps else None,
    )
    answers = [TOKENS[code] if isinstance(code, str) else code for code in codes]
    try:
        entry = next(engine)
        for code in answers:
            asked.append(stack.index(entry) + 1)
            entry = engine.send(code)
    except StopIteration as stop:
        assert len(asked) == len(answers), f"only {asked} were asked"
        return Walked(stop.value, asked, cached_codes, steps)
    raise AssertionError(f"the walk goes on with entry {stack.index(entry) + 1}")


# Controls, answers in the order asked, verdict, entries asked.
WALKS = [
    ([], [], "perm_denied", []),
    (["substack"], [], "perm_denied", []),
    (["required"], ["success"], "success", [1]),
    (["required", "required"], ["auth_err", "maxtries"], "auth_err", [1, 2]),
    (["requisite", "required"], ["auth_err"], "auth_err", [1]),
    (["sufficient", "required"], ["success"], "success", [1]),
    (["sufficient", "required"], ["auth_err", "success"], "success", [1, 2]),
    (["optional"], ["auth_err"], "perm_denied", [1]),
    (["default=ok"], ["ignore"], "ignore", [1]),
    (["default=bad"], ["ignore"], "perm_denied", [1]),
    (["default=bad"], ["success"], "perm_denied", [1]),
    (["default=die", "required"], ["success"], "perm_denied", [1]),
    (["default=done", "required"], ["auth_err"], "auth_err", [1]),
    (["required", "default=done", "required"], ["auth_err", "success", "success"], "auth_err",
     [1, 2, 3]),
    (["required", "default=reset"], ["auth_err", "success"], "perm_denied", [1, 2]),
    (["required", "default=reset", "required"], ["auth_err", "maxtries", "success"], "success",
     [1, 2, 3]),
    # Jumps.
    (["default=1", "required", "required"], ["success", "success"], "success", [1, 3]),
    (["default=1", "required"], ["success"], "perm_denied", [1]),
    (["required", "default=1"], ["success", "success"], "perm_denied", [1, 2]),
    (["required", "default=1", "required"], ["success", "success"], "success", [1, 2]),
    (["required", "default=2147483647"], ["success", "ignore"], "perm_denied", [1, 2]),
    (["default=1", "substack", ">required", ">required", "required"], ["success", "success"],
     "success", [1, 5]),
    (["default=2", "substack", ">required", "required", "required"], ["success", "success"],
     "success", [1, 5]),
    (["substack", ">default=1", ">required", "required"], ["success", "success"], "success",
     [2, 4]),
    (["substack", ">default=2", ">required", "required"], ["success", "success"], "perm_denied",
     [2, 4]),
    (["substack", ">substack", ">>default=1", ">required", "required"],
     ["success", "success", "success"], "perm_denied", [3, 4, 5]),
    (["substack", ">default=1", ">substack", ">>required", ">required"], ["success", "success"],
     "success", [2, 5]),
    # Substacks: done and die end the innermost one, reset goes back to its beginning.
    (["substack", ">default=done", ">required", "required"], ["success", "auth_err"], "auth_err",
     [2, 4]),
    (["substack", ">default=die", ">required", "required"], ["auth_err", "success"], "auth_err",
     [2, 4]),
    (["substack", ">substack", ">>default=die", ">>required", ">optional", "optional"],
     ["maxtries", "success", "success"], "maxtries", [3, 5, 6]),
    (["substack", ">substack", ">>default=done", ">required", "required"],
     ["success", "success", "success"], "success", [3, 4, 5]),
    (["required", "substack", ">required", ">default=reset"], ["success", "auth_err", "success"],
     "success", [1, 3, 4]),
    (["required", "substack", ">required", ">default=reset"], ["auth_err", "success", "success"],
     "auth_err", [1, 3, 4]),
    (["substack", ">required", ">substack", ">>required", ">>default=reset", ">default=reset",
      "required"], ["success", "auth_err", "success", "success", "success"], "success",
     [2, 4, 5, 6, 7]),
    (["required", "substack", ">required", "substack", ">default=reset"],
     ["success", "auth_err", "success"], "auth_err", [1, 3, 5]),
    # Two substacks in a row share a level: the second one's beginning is where the first ended.
    (["substack", ">required", "substack", ">default=bad", ">default=reset"],
     ["success", "success", "success"], "success", [2, 4, 5]),
    # What ok keeps.
    (["user_unknown=ok", "required"], ["user_unknown", "success"], "user_unknown", [1, 2]),
    (["user_unknown=ok", "required"], ["user_unknown", "maxtries"], "maxtries", [1, 2]),
    (["required", "user_unknown=ok"], ["success", "user_unknown"], "user_unknown", [1, 2]),
    (["ignore=ok", "required"], ["ignore", "success"], "ignore", [1, 2]),
    (["optional"], ["new_authtok_reqd"], "new_authtok_reqd", [1]),
]  # fmt: skip


@pytest.mark.parametrize("with_steps", [False, True], ids=["plain", "traced"])
@pytest.mark.parametrize(("controls", "codes", "verdict", "asked"), WALKS)
def test_a_walk(
    controls: list[str],
    codes: list[str],
    verdict: str,
    asked: list[int],
    with_steps: bool,
) -> None:
    walked = walk(stack_of(*controls), codes, with_steps=with_steps)

    assert walked.code == verdict
    assert walked.asked == asked
    assert walked.verdict.suspended is None


@pytest.mark.parametrize("code", ReturnCode, ids=str)
def test_only_success_is_success(code: ReturnCode) -> None:
    for control in ("required", "requisite", "sufficient", "optional", "default=ok"):
        if code is INCOMPLETE:
            continue
        walked = walk(stack_of(control), [code])
        assert (walked.code == "success") == (code is SUCCESS)


def test_what_was_answered_is_remembered_for_the_entries_that_were_asked() -> None:
    walked = walk(stack_of("default=1", "required", "required"), ["auth_err", "success"])

    assert walked.cached_codes == [AUTH_ERR, None, SUCCESS]


def test_a_later_walk_overwrites_only_what_it_reaches() -> None:
    cached_codes: list[ReturnCode | None] = [None, None, None]
    stack = stack_of("sufficient", "required", "required")
    walk(stack, ["auth_err", "success", "success"], cached_codes=cached_codes)

    walk(stack, ["success"], cached_codes=cached_codes)

    assert cached_codes == [SUCCESS, SUCCESS, SUCCESS]


COUNTS = Frozen(jump_counts=True)

# Controls, remembered, answers, verdict if jumps count and if not, entries asked.
FROZEN = [
    (["required"], ["success"], ["success"], "success", "success", [1]),
    (["required"], ["success"], ["cred_err"], "cred_err", "cred_err", [1]),
    (["required"], ["auth_err"], ["success"], "perm_denied", "perm_denied", [1]),
    # An ignore instead of a success is nothing; if it was remembered, it is what it is.
    (["required"], ["success"], ["ignore"], "perm_denied", "perm_denied", [1]),
    (["ignore=ok"], ["ignore"], ["ignore"], "ignore", "ignore", [1]),
    (["sufficient", "required"], ["success", None], ["success"], "success", "success", [1]),
    (["sufficient", "required"], ["success", None], ["ignore", "success"], "success", "success",
     [1, 2]),
    (["optional", "required"], ["auth_err", "success"], ["cred_err", "success"], "success",
     "success", [1, 2]),
    (["default=1", "required", "required"], ["ignore", None, "success"], ["cred_err", "success"],
     "cred_err", "success", [1, 3]),
    (["default=1", "required"], ["success", None], ["success"], "success", "perm_denied", [1]),
    (["default=1", "required"], ["success", None], ["ignore"], "perm_denied", "perm_denied", [1]),
    (["default=2", "required"], ["success", None], ["success"], "perm_denied", "perm_denied", [1]),
    (["required", "default=1", "required"], ["success", "success", None], ["success", "cred_err"],
     "cred_err", "success", [1, 2]),
    (["required", "default=1", "required"], ["auth_err", "success", None],
     ["cred_err", "success"], "cred_err", "cred_err", [1, 2]),
    # Nothing is remembered: its own answers decide.
    (["success=1 default=bad", "required", "required"], [None, None, None],
     ["success", "success"], "success", "success", [1, 3]),
    (["required"], [None], ["cred_err"], "cred_err", "cred_err", [1]),
]  # fmt: skip


@pytest.mark.parametrize("counts", [True, False], ids=["counts", "ignored"])
@pytest.mark.parametrize(
    ("controls", "remembered", "codes", "counting", "ignoring", "asked"),
    FROZEN,
)
def test_a_frozen_walk(
    controls: list[str],
    remembered: list[str | None],
    codes: list[str],
    counting: str,
    ignoring: str,
    asked: list[int],
    counts: bool,
) -> None:
    cached_codes = [None if word is None else TOKENS[word] for word in remembered]
    before = list(cached_codes)

    walked = walk(stack_of(*controls), codes, frozen=Frozen(counts), cached_codes=cached_codes)

    assert walked.code == (counting if counts else ignoring)
    assert walked.asked == asked
    assert cached_codes == before, "a frozen walk remembers nothing new"


@pytest.mark.parametrize(
    ("controls", "first", "then", "verdict", "asked"),
    [
        (["required", "required"], ["success", "incomplete"], ["success"], "success", [2]),
        (["required", "required"], ["auth_err", "incomplete"], ["success"], "auth_err", [2]),
        (["required", "required"], ["incomplete"], ["success", "maxtries"], "maxtries", [1, 2]),
        (
            ["required", "substack", ">required", ">default=reset"],
            ["success", "auth_err", "incomplete"],
            ["success"],
            "success",
            [4],
        ),
        (
            ["required", "substack", ">required", ">default=reset"],
            ["success", "incomplete"],
            ["auth_err", "success"],
            "success",
            [3, 4],
        ),
        (
            ["substack", ">default=ignore", "required"],
            ["incomplete"],
            ["success", "success"],
            "success",
            [2, 3],
        ),
    ],
)
def test_an_interrupted_walk_goes_on_where_it_stood(
    controls: list[str],
    first: list[str],
    then: list[str],
    verdict: str,
    asked: list[int],
) -> None:
    stack = stack_of(*controls)
    cached_codes: list[ReturnCode | None] = [None] * len(stack)
    interrupted = walk(stack, first, cached_codes=cached_codes)
    assert interrupted.code == "incomplete"
    assert interrupted.verdict.suspended is not None
    assert INCOMPLETE not in cached_codes

    resumed = walk(stack, then, cached_codes=cached_codes, suspended=interrupted.verdict.suspended)

    assert resumed.code == verdict
    assert resumed.asked == asked


def test_an_interrupted_walk_can_be_resumed_twice_from_one_place() -> None:
    stack = stack_of("required", "substack", ">required", ">default=reset")
    suspended = walk(stack, ["success", "incomplete"]).verdict.suspended

    first = walk(stack, ["auth_err", "success"], suspended=suspended)
    second = walk(stack, ["auth_err", "success"], suspended=suspended)

    assert first.code == second.code == "success"


def test_steps_tell_everything_that_happened() -> None:
    undefined = State(Impression.UNDEFINED, PERM_DENIED)
    positive = State(Impression.POSITIVE, SUCCESS)
    negative = State(Impression.NEGATIVE, AUTH_ERR)
    stack = stack_of("sufficient", "required", "success=1 default=bad", "required", "requisite")

    walked = walk(stack, ["auth_err", "success", "success", "auth_err"], with_steps=True)

    told = [(each.entry, each.code, each.action, each.before, each.after) for each in walked.steps]
    assert told == [
        (stack[0], AUTH_ERR, ControlAction.IGNORE, undefined, undefined),
        (stack[1], SUCCESS, ControlAction.OK, undefined, positive),
        (stack[2], SUCCESS, 1, positive, positive),
        (stack[4], AUTH_ERR, ControlAction.DIE, positive, negative),
    ]


def test_steps_of_a_frozen_walk_tell_which_code_decided() -> None:
    walked = walk(
        stack_of("optional", "required"),
        ["cred_err", "success"],
        frozen=COUNTS,
        cached_codes=[AUTH_ERR, SUCCESS],
        with_steps=True,
    )

    assert [(str(step.code), str(step.judged)) for step in walked.steps] == [
        ("cred_err", "auth_err"),
        ("success", "success"),
    ]


def test_the_last_step_of_an_interrupted_walk_changes_nothing() -> None:
    walked = walk(stack_of("required", "required"), ["success", "incomplete"], with_steps=True)

    assert walked.steps[-1].before == walked.steps[-1].after
    assert walked.steps[-1].code is INCOMPLETE


@pytest.mark.timeout(10)
def test_a_jump_over_everything_takes_no_longer_than_the_stack() -> None:
    stack = stack_of("required", *["default=2147483647"] * 500)
    for _ in range(20):
        assert walk(stack, ["success", "success"]).code == "perm_denied"


def test_a_walk_that_is_given_up_leaves_nothing_behind() -> None:
    engine = evaluate(stack_of("required", "required"), [None, None])
    next(engine)
    engine.close()

    assert walk(stack_of("required"), ["success"]).code == "success"
