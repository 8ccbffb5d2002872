"""A stack that pam_if runs ends as the same lines do in a substack."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from ualauth import Authenticator
from ualauth.codes import TOKENS, Operation, ReturnCode
from ualauth.testing.folder import ConfigFolder

CODES = st.one_of(
    st.sampled_from(["success", "success", "auth_err", "ignore", "authinfo_unavail"]),
    st.sampled_from(list(TOKENS)),
)
ACTIONS = st.sampled_from(["ok", "done", "bad", "die", "ignore", "reset", "1", "2"])
PAIRS = st.lists(
    st.builds("{}={}".format, st.one_of(CODES, st.just("default")), ACTIONS), min_size=1, max_size=3
).map(lambda pairs: f"[{' '.join(pairs)}]")
CONTROLS = st.one_of(st.sampled_from(["required", "requisite", "sufficient", "optional"]), PAIRS)
KEYS = (
    "auth={} cred={} acct={} open_session={} close_session={} prechauthtok={} chauthtok={}"
).format
MODULES = st.builds("{} pam_debug {}".format, CONTROLS, st.builds(KEYS, *[CODES] * 7))
OTHERS = st.sampled_from(["substack inner", "include inner", "required no_such_module"])
LINES = st.lists(st.one_of(MODULES, MODULES, MODULES, OTHERS), min_size=1, max_size=5)
TYPES = ("auth", "account", "session", "password")
CALLS = st.lists(st.sampled_from(list(Operation)), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def shared() -> Iterator[ConfigFolder]:
    """Return one folder for all examples."""
    with tempfile.TemporaryDirectory() as path:
        yield ConfigFolder(Path(path))


def every_type(lines: list[str]) -> str:
    """Return the lines for each module type."""
    return "".join(f"{each} {line}\n" for each in TYPES for line in lines)


def play(folder: ConfigFolder, calls: list[Operation]) -> list[tuple[Any, ...]]:
    """Return what each call answers, whether it was checked, and what the inner entries did."""
    with Authenticator(folder.config()) as auth, auth.transaction("test", "jsmith") as transaction:
        played = []
        for operation in calls:
            before = len(transaction.trace)
            code = getattr(transaction, operation.method)()
            asked = [
                (step.line, step.file.rpartition("/")[2], step.code)
                for step in transaction.trace[before:]
                if not step.file.endswith("/test")
            ]
            played.append((code, transaction.could_not_check, asked))
        return played


@settings(max_examples=rounds(150))
@given(LINES, LINES, CALLS)
def test_a_stack_is_worth_the_same_run_by_pam_if_and_as_a_substack(
    shared: ConfigFolder, lines: list[str], inner: list[str], calls: list[Operation]
) -> None:
    inner = [line for line in inner if "inner" not in line] or ["required pam_deny"]
    shared.service("own", every_type(lines))
    shared.service("inner", every_type(inner))
    shared.service("test", every_type(["substack own"]))
    as_substack = play(shared, calls)
    # default=ok hands the verdict on as it is, and so does a substack that is alone.
    shared.service("test", every_type(["[default=ok] pam_if user=jsmith stack=own"]))
    as_nested = play(shared, calls)

    for operation, (one, other) in zip(
        calls, zip(as_substack, as_nested, strict=True), strict=True
    ):
        assert one[2] == other[2]
        assert one[1] is other[1]
        # Only there, IGNORE counts for nothing where it is not what was answered before.
        frozen = operation in {Operation.SETCRED, Operation.CLOSE_SESSION}
        if not (frozen and one[0] is ReturnCode.IGNORE):
            assert one[0] is other[0]


CONTROLLED = st.builds("{} pam_if user={} stack=own".format, CONTROLS, st.sampled_from("jx*"))


@settings(max_examples=rounds(150))
@given(
    st.lists(st.one_of(CONTROLLED, CONTROLLED, MODULES), min_size=1, max_size=4),
    LINES,
    st.sampled_from(list(Operation)),
)
def test_no_user_is_let_in_unless_some_entry_answered_success(
    shared: ConfigFolder, lines: list[str], own: list[str], operation: Operation
) -> None:
    shared.service("own", every_type(own))
    shared.service("inner", every_type(["required pam_debug auth=auth_err acct=auth_err"]))
    shared.service("test", every_type(lines))
    with Authenticator(shared.config()) as auth, auth.transaction("test", "jx") as transaction:
        code = getattr(transaction, operation.method)()
        steps = transaction.trace
    for index, step in enumerate(steps):
        # An entry answers SUCCESS for its stack only if some entry of that did.
        below = steps[index + 1 :]
        end = next((n for n, each in enumerate(below) if each.depth <= step.depth), len(below))
        if step.module == "pam_if" and step.code is ReturnCode.SUCCESS:
            assert ReturnCode.SUCCESS in [each.code for each in below[:end]]
    if code is ReturnCode.SUCCESS:
        assert ReturnCode.SUCCESS in [step.code for step in steps if step.module != "pam_if"]
