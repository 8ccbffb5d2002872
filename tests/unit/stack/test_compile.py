"""What is wrong with a service file: where, what, and the cure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.machine import patience
from ualauth.codes import ModuleType
from ualauth.errors import ServiceFileError, UnknownService
from ualauth.stack.control import NO_CONTROL
from ualauth.stack.dialect import DEBIAN, LINUX_PAM, Dialect
from ualauth.stack.model import Kind, Service

if TYPE_CHECKING:
    from tests.unit.stack.conftest import Compile


def shown(service: Service) -> list[str]:
    """Return every problem as `line:column text`, and what the caret marks."""
    return [
        f"{problem.source.line}:{problem.source.column} "
        f"{problem.shown[problem.caret :][: problem.width]!r} {problem.text}"
        for problem in service.problems
    ]


@pytest.mark.parametrize(
    ("text", "expected", "cure"),
    [
        (
            "auth required pam_debug\naut required pam_debug\n",
            "2:1 'aut' 'aut' is no module type; auth counts as failed",
            "did you mean 'auth'?",
        ),
        (
            "  account\n",
            "1:3 'account' the line has no control",
            "add required, sufficient, ...",
        ),
        (
            "account  required\n",
            "1:10 'required' the line has no module",
            "name a module after the control",
        ),
        (
            "auth requierd pam_debug\n",
            "1:6 'requierd' unknown control 'requierd'; every result of the module counts as bad",
            "did you mean 'required'?",
        ),
        (
            "auth \\\n  requierd \\\n pam_debug\n",
            "2:3 'requierd' unknown control 'requierd'; every result of the module counts as bad",
            "did you mean 'required'?",
        ),
        (
            "auth [success=okay] pam_debug\n",
            "1:7 'success=okay' cannot read 'success=okay' in the control",
            "did you mean success=ok?",
        ),
        (
            "auth required\tpam_dbug\n",
            "1:15 'pam_dbug' there is no module 'pam_dbug'",
            "list the modules: ualauth modules; one of the host's works by pam_linux service=NAME",
        ),
        (
            "auth required \\\n\tpam_debug \\\n  auth=yes\n",
            "3:3 'auth=yes' 'yes' is no return code",
            None,
        ),
        (
            "auth required pam_debug nonsense\n",
            "1:25 'nonsense' unknown option 'nonsense'",
            None,
        ),
        (
            "auth include nowhere\n",
            "1:14 'nowhere' there is no file {folder}/nowhere; auth counts as failed",
            "name a readable file that compiles",
        ),
        (
            "account substack\n",
            "1:9 'substack' substack needs the name of a file; account counts as failed",
            "name a readable file that compiles",
        ),
        (
            "auth required om_auth nulok\n",
            "1:23 'nulok' unknown option 'nulok'",
            "did you mean 'nullok'?",
        ),
    ],
)
def test_a_problem_has_its_place_and_its_cure(
    text: str,
    expected: str,
    cure: str | None,
    compile_files: Compile,
    tmp_path: Path,
) -> None:
    service = compile_files(text)

    (first,) = shown(service)
    assert first.startswith(expected.format(folder=tmp_path))
    if cure is not None:
        assert service.problems[0].cure == cure


def test_a_problem_prints_with_a_caret(compile_files: Compile, tmp_path: Path) -> None:
    service = compile_files("auth required pam_debug\n\tauth\trequierd pam_debug\n")

    assert str(service.problems[0]) == (
        f"{tmp_path}/test:2:7: error: unknown control 'requierd'; "
        "every result of the module counts as bad\n"
        "    \tauth\trequierd pam_debug\n"
        "    \t    \t^^^^^^^^\n"
        "    cure: did you mean 'required'?"
    )


def test_a_warning_says_so_and_changes_nothing(compile_files: Compile) -> None:
    service = compile_files("auth required pam_debug auth=auth_er\n")

    assert service.sound
    assert ": warning: " in str(service.problems[0])


def test_all_problems_of_a_service_are_reported_in_order(compile_files: Compile) -> None:
    service = compile_files(
        "aut required pam_debug\nauth requierd pam_dbug\naccount include part\n",
        part="account required\n",
        other="sesion required pam_debug\n",
    )

    assert [text.split(" ")[0] for text in shown(service)] == ["1:1", "2:6", "2:15", "1:9", "1:1"]
    assert not service.sound


def test_a_missing_module_behind_a_dash_is_not_reported(compile_files: Compile) -> None:
    service = compile_files("-auth required pam_missing\nauth required pam_debug\n")

    assert service.problems == ()
    assert len(service.stacks[ModuleType.AUTH]) == 2


def test_a_problem_of_a_file_included_twice_is_reported_once(compile_files: Compile) -> None:
    service = compile_files(
        "auth include part\nauth include part\n",
        part="auth requierd pam_debug\n",
    )

    assert len(service.problems) == 1
    assert len(service.stacks[ModuleType.AUTH]) == 2


@pytest.mark.parametrize("column", [0, 49, 51, 300, 9_000])
def test_a_long_line_is_cut_around_its_fault(column: int, compile_files: Compile) -> None:
    filler = "[" + "x" * column + "]"
    service = compile_files(f"auth required pam_debug {filler} nonsense {'y' * 500}\n")

    fault = next(problem for problem in service.problems if "'nonsense'" in problem.text)
    assert len(fault.shown) <= 100
    assert fault.shown[fault.caret :].startswith("nonsense")
    assert fault.width == len("nonsense")
    assert fault.source.column == column + 28


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("auth required pam_debug \\\n", "1:25", "the file ends where this line was to go on"),
        ("auth required \\", "1:15", "the file ends where this line was to go on"),
        ("auth required \\\n  pam_debug \\  \n", "2:13", "the file ends where this line"),
        ("auth required ?\n", "1:15", "'?' does not name a module; the whole file is refused"),
        ("auth required /lib/\n", "1:15", "'/lib/' does not name a module"),
        ("auth required .so\n", "1:15", "'.so' does not name a module"),
        ("auth substack x/\n", "1:15", "'x/' does not name a module"),
        ("@include nowhere\n", "1:10", "there is no file"),
        ("@include\n", "1:1", "@include needs the name of a file"),
    ],
)
def test_what_makes_a_service_unusable_is_shown(
    text: str,
    place: str,
    reason: str,
    compile_files: Compile,
    tmp_path: Path,
) -> None:
    with pytest.raises(ServiceFileError) as raised:
        compile_files(text)

    assert str(raised.value).startswith(f"service 'test' cannot be used:\n{tmp_path}/test:{place}:")
    assert reason in str(raised.value)
    assert raised.value.service == "test"
    assert "cure: " in str(raised.value)
    assert len(raised.value.problems) == 1


def test_problems_before_the_fatal_one_are_reported_with_it(compile_files: Compile) -> None:
    with pytest.raises(ServiceFileError) as raised:
        compile_files("aut required pam_debug\nauth required ?\n")

    assert len(raised.value.problems) == 2


def test_a_broken_other_names_other(compile_files: Compile, tmp_path: Path) -> None:
    with pytest.raises(ServiceFileError, match=f"{tmp_path}/other:1:"):
        compile_files("auth required pam_debug\n", other="auth required \\\n")


def test_no_service_names_both_places(compile_files: Compile, tmp_path: Path) -> None:
    with pytest.raises(UnknownService) as raised:
        compile_files()

    assert f"{tmp_path}/test" in str(raised.value)
    assert f"{tmp_path}/other" in str(raised.value)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../test", "/etc/passwd", "a/b", ".hidden", "x" * 65, "a\0b", "a\nb", "\udcff"],
)
def test_what_is_no_service_name_is_refused(name: str, compile_files: Compile) -> None:
    with pytest.raises(UnknownService, match="is not a service name"):
        compile_files("auth required pam_debug\n", name=name)


@pytest.mark.parametrize("name", ["TEST", "Test"])
def test_a_service_name_is_lowered(name: str, compile_files: Compile) -> None:
    assert compile_files("auth required pam_debug\n", name=name).name == "test"


def test_only_ascii_letters_are_lowered(compile_files: Compile, tmp_path: Path) -> None:
    (tmp_path / "Äx").write_text("auth required pam_debug\n")

    assert compile_files(name="ÄX").name == "Äx"


def test_the_files_of_a_service_are_all_that_may_have_a_say(
    compile_files: Compile,
    tmp_path: Path,
) -> None:
    service = compile_files("auth include part\nauth include nowhere\n", part="@include deep\n")

    names = ["test", "part", "deep", "nowhere", "other"]
    assert service.files == tuple(f"{tmp_path}/{name}" for name in names)


def test_an_absolute_path_includes_that_file(compile_files: Compile, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "part").write_text("auth required pam_debug\n")

    service = compile_files(f"auth include {elsewhere}/part\n")

    assert service.problems == ()
    (entry,) = service.stacks[ModuleType.AUTH]
    assert str(entry.source) == f"{elsewhere}/part:1"


def test_an_entry_keeps_what_its_line_says(compile_files: Compile, tmp_path: Path) -> None:
    service = compile_files("\nauth  [success=done] \\\n  pam_debug.so [auth=auth_err] x\n")

    (entry,) = service.stacks[ModuleType.AUTH]
    assert entry.kind is Kind.MODULE
    assert entry.control.text == "success=done"
    assert entry.module == "pam_debug.so"
    assert entry.arguments == ("auth=auth_err", "x")
    assert str(entry.source) == f"{tmp_path}/test:2"
    assert entry.level == 0


def test_arguments_do_not_show_in_an_entry(compile_files: Compile) -> None:
    service = compile_files("auth required pam_debug auth=maxtries\n")

    assert "maxtries" not in repr(service.stacks[ModuleType.AUTH])
    assert "maxtries" not in repr(service)


def test_a_substack_is_a_marker_and_deeper_entries(compile_files: Compile) -> None:
    service = compile_files("auth substack part\n", part="auth required pam_debug\n")

    marker, entry = service.stacks[ModuleType.AUTH]
    assert (marker.kind, marker.level, marker.asked) == (Kind.SUBSTACK, 0, False)
    assert (entry.kind, entry.level, entry.asked) == (Kind.MODULE, 1, True)


def test_a_failed_include_is_an_entry_that_must_fail(compile_files: Compile) -> None:
    (entry,) = compile_files("auth include nowhere\n").stacks[ModuleType.AUTH]

    assert entry.kind is Kind.MUST_FAIL
    assert entry.control == NO_CONTROL


BOTH = pytest.mark.parametrize("dialect", [LINUX_PAM, DEBIAN], ids=lambda each: each.name)


@BOTH
@pytest.mark.parametrize("word", ["auth include", "auth substack", "@include"])
@pytest.mark.parametrize("times", [1, 2, 10])
@pytest.mark.timeout(20)
def test_a_file_that_includes_itself_ends_soon(
    word: str,
    times: int,
    dialect: Dialect,
    compile_files: Compile,
) -> None:
    text = f"{word} test\n" * times + "auth required pam_debug\n"
    started = time.monotonic()
    try:
        service = compile_files(text, dialect=dialect)
    except ServiceFileError as error:
        problems = error.problems
    else:
        problems = service.problems
        assert Kind.MUST_FAIL in {entry.kind for entry in service.stacks[ModuleType.AUTH]}
    assert any("does it include itself?" in str(problem) for problem in problems)
    assert time.monotonic() - started < patience(5)


@pytest.mark.timeout(60)
def test_a_large_file_that_includes_itself_ends_soon(compile_files: Compile) -> None:
    with pytest.raises(ServiceFileError, match="more than 16 MiB of text"):
        compile_files("auth include test\n" * 10 + "# a comment\n" * 80_000)


@pytest.mark.parametrize("includes", [498, 499, 500, 998, 999, 1000])
def test_other_may_use_up_its_includes_in_either_reading(
    includes: int,
    compile_files: Compile,
) -> None:
    """The service `other` is read twice into one table."""
    text = "auth include part\n" * includes
    if includes < 500:
        assert compile_files(name="other", other=text, part="").problems == ()
    else:
        with pytest.raises(ServiceFileError, match="more than 1000 includes"):
            compile_files(name="other", other=text, part="")


@BOTH
@pytest.mark.parametrize("word", ["include", "substack"])
@pytest.mark.timeout(20)
def test_files_that_include_each_other_end_soon(
    word: str,
    dialect: Dialect,
    compile_files: Compile,
) -> None:
    every = "".join(f"auth {word} part{number}\n" for number in range(5))
    parts = {f"part{number}": every for number in range(5)}
    problems: Sequence[object]
    try:
        problems = compile_files(every, dialect=dialect, **parts).problems
    except ServiceFileError as error:
        problems = error.problems
    assert any("does it include itself?" in str(problem) for problem in problems)


@pytest.mark.parametrize(("depth", "deep_enough"), [(15, True), (16, False)])
def test_substacks_may_be_nested_fifteen_deep(
    depth: int,
    deep_enough: bool,
    compile_files: Compile,
) -> None:
    files = {f"s{number}": f"auth substack s{number + 1}\n" for number in range(1, depth)}
    files[f"s{depth}"] = "auth required pam_debug\n"
    service = compile_files("auth substack s1\n", **files)

    asked = [entry for entry in service.stacks[ModuleType.AUTH] if entry.asked]
    assert [entry.kind for entry in asked] == [Kind.MODULE if deep_enough else Kind.MUST_FAIL]
    assert [entry.level for entry in asked] == [15]


@BOTH
@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 64,
        b"\xff\xfe" + "auth required pam_debug\n".encode("utf-16-le"),
        b"x\0" * 5000,
        b"auth [" * 3000,
        b"auth include \xff\xfe\n",
        b"auth include " + b"x" * 5000 + b"\n",
        b"auth required \x1b[31mred\x07\n",
        b"auth include a\rb\x1b]0;title\x07\n",
        b"@include" * 1000,
        b"\\\n" * 5000 + b"x",
        b"[[[]]]\\]\\[\n" * 500,
    ],
    ids=range(11),
)
def test_junk_is_reported_in_printable_utf_8(
    data: bytes,
    dialect: Dialect,
    compile_files: Compile,
) -> None:
    problems: Sequence[object]
    try:
        problems = compile_files(data, dialect=dialect).problems
    except ServiceFileError as error:
        problems = error.problems
    assert problems
    for problem in problems:
        text = str(problem)
        text.encode()
        assert text.replace("\n", "").replace("\t", "").isprintable(), repr(text)


@pytest.mark.timeout(30)
def test_a_mebibyte_of_arguments_or_lines_does_not_take_for_ever(compile_files: Compile) -> None:
    compile_files("auth required pam_debug" + " a" * 50_000 + "\n")
    with pytest.raises(ServiceFileError, match="more than 10000 entries in one service"):
        compile_files("x\n" * 20_000)


def test_windows_line_ends_are_reported_where_they_stand(compile_files: Compile) -> None:
    service = compile_files(b"auth required pam_debug\r\n\r\n")

    # One cause, and not what comes of it in each line.
    assert shown(service) == [
        (
            "1:15 'pam_debug\N{REPLACEMENT CHARACTER}' lines end in CR LF, as Windows writes them: "
            "the CR is part of the last word"
        ),
    ]
