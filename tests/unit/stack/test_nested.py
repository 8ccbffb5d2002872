"""The stack that an entry may run, compiled with it: what is wrong with it, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ualauth.codes import ModuleType
from ualauth.stack.model import Kind, Service

if TYPE_CHECKING:
    from tests.unit.stack.conftest import Compile

LINE = "auth required pam_if user=own stack={}\n"


def shown(service: Service) -> list[str]:
    """Return every problem as `file:line:column text`, and what the caret marks."""
    return [
        f"{Path(problem.source.file).name}:{problem.source.line}:{problem.source.column} "
        f"{problem.shown[problem.caret :][: problem.width]!r} {problem.text}"
        for problem in service.problems
    ]


def test_the_stack_is_part_of_the_entry(compile_files: Compile, tmp_path: Path) -> None:
    service = compile_files(
        LINE.format("OWN") * 2,
        own="auth substack part\naccount required pam_deny",
        part="auth required pam_permit",
    )
    first, second = service.stacks[ModuleType.AUTH]
    assert [(each.module, each.level) for each in first.nested] == [("part", 0), ("pam_permit", 1)]
    # Each has its own, since each has a path of its own.
    assert first.nested[1] is not second.nested[1]
    assert service.sound
    names = [str(tmp_path / each) for each in ("test", "own", "part", "other")]
    assert list(service.files) == names


@pytest.mark.parametrize(
    ("stack", "text"),
    [
        ("missing", "there is no file {0}/missing; auth counts as failed"),
        ("test", "service 'test' would run itself; auth counts as failed"),
        ("TEST", "service 'test' would run itself; auth counts as failed"),
        ("broken", "'broken' cannot be used; auth counts as failed"),
    ],
)
def test_a_stack_that_cannot_be_had_is_reported_at_its_name(
    stack: str, text: str, compile_files: Compile, tmp_path: Path
) -> None:
    service = compile_files(
        LINE.format(stack),
        broken="auth required pam_permit\nauth required \\",
        other="auth required pam_permit",
    )
    problem = f"test:1:31 'stack={stack}' {text.format(tmp_path)}"
    assert shown(service)[-1] == problem
    assert service.problems[-1].cure == "name a service whose file can be read and compiles"
    (entry,) = service.stacks[ModuleType.AUTH]
    assert (entry.kind, entry.nested) == (Kind.MUST_FAIL, ())
    assert str(tmp_path / stack.lower()) in service.files


def test_names_that_are_no_services_are_refused(compile_files: Compile) -> None:
    for name in ("a/b", ".hidden", "../test", "x" * 65):
        service = compile_files(LINE.format(name))
        assert "is not a service name" in service.problems[-1].text
        assert service.stacks[ModuleType.AUTH][0].kind is Kind.MUST_FAIL


def test_a_service_without_entries_of_the_type_is_a_warning(compile_files: Compile) -> None:
    service = compile_files(LINE.format("own"), own="account required pam_permit")
    assert shown(service) == [
        "test:1:31 'stack=own' service 'own' has no auth entries: this refuses",
    ]
    assert service.sound


def test_mistakes_and_advice_in_the_other_service_are_told_at_their_place(
    compile_files: Compile,
) -> None:
    service = compile_files(
        LINE.format("own"),
        own="auth requierd pam_permit\nauth [success=3 default=bad] pam_permit",
    )
    assert [each.split()[0] for each in shown(service)] == ["own:1:6", "own:2:1"]
    assert [problem.warning for problem in service.problems] == [False, True]


def test_a_service_in_a_circle_is_found_at_the_last_line_of_it(compile_files: Compile) -> None:
    service = compile_files(LINE.format("a"), a=LINE.format("b"), b=LINE.format("a"))
    assert shown(service) == [
        "b:1:31 'stack=a' service 'a' would run itself; auth counts as failed",
    ]


def test_the_circle_of_a_type_is_not_one_of_another(compile_files: Compile) -> None:
    text = "auth required pam_if tls stack=own\naccount required pam_permit\n"
    own = "auth required pam_permit\naccount required pam_if tls stack=test\n"
    assert compile_files(text, own=own).sound


def test_services_are_nested_as_deep_as_substacks(compile_files: Compile) -> None:
    files = {f"s{number}": LINE.format(f"s{number + 1}") for number in range(30)}
    service = compile_files(LINE.format("s0"), **files)
    (problem,) = service.problems
    assert "nested too deep" in problem.text
    entry, depth = service.stacks[ModuleType.AUTH][0], 0
    while entry.nested:
        entry, depth = entry.nested[0], depth + 1
    assert entry.kind is Kind.MUST_FAIL
    assert depth == 15


def test_a_flood_of_nested_services_is_bounded(compile_files: Compile) -> None:
    files = {f"s{number}": LINE.format(f"s{number + 1}") * 4 for number in range(15)}
    service = compile_files(LINE.format("s0"), **files)
    assert any("more than 1000 includes" in problem.text for problem in service.problems)
    assert service.stacks[ModuleType.AUTH][0].kind is Kind.MUST_FAIL
