"""Random texts: reading never fails, and what is printed reads as before."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from ualauth.codes import ReturnCode
from ualauth.contract.options import read_options
from ualauth.errors import ConfigurationError
from ualauth.modules.om_auth import Options as OmAuthOptions
from ualauth.modules.pam_debug import Options as PamDebugOptions
from ualauth.modules.pam_listfile import Options as PamListfileOptions
from ualauth.modules.pam_succeed_if import Options as PamSucceedIfOptions
from ualauth.stack.compile import compile_service
from ualauth.stack.control import ALL_BAD, expand, parse_control
from ualauth.stack.dialect import DEBIAN, LINUX_PAM, Dialect
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.registry import ModuleRegistry
from ualauth.stack.syntax import parse, print_lines
from ualauth.testing.scripted_module import Script

DIALECTS = st.sampled_from([LINUX_PAM, DEBIAN])

# Texts that use what is special: blanks, brackets, backslashes, comments, line ends, NUL.
SPECIAL = st.text(st.sampled_from("ab=[]\\# \t\n\r\0\v\u00a0é"), max_size=60)
WORDS = st.lists(
    st.sampled_from(
        ["auth", "account", "-auth", "required", "sufficient", "[success=1 default=die]", "include",
         "substack", "@include", "test", "other", "part", "pam_debug", "auth=ignore", "om_auth",
         "nowhere", "?", ".so", "x/", "[", "]", "\\", "#", "\n", "\n", "\n", " ", "\t", "\\\n",
         "\r\n", "\0", "\udcff", "=", "[default=ok]", "auth required pam_debug\n"],
    ),
    max_size=30,
).map(" ".join)  # fmt: skip
TEXTS = st.one_of(SPECIAL, WORDS, st.text(max_size=100))


def words(text: str, dialect: Dialect) -> list[list[str]]:
    """Return the texts of the tokens of each line."""
    return [[token.text for token in line.tokens] for line in parse(text, dialect).lines]


@settings(max_examples=rounds(250))
@given(TEXTS, DIALECTS)
@example("[a \\", LINUX_PAM)
@example("a\0", DEBIAN)
@example("\0\n", LINUX_PAM)
def test_a_text_that_was_read_can_be_printed_and_read_again(text: str, dialect: Dialect) -> None:
    lines = words(text, dialect)

    assert words(print_lines(lines), dialect) == lines


@settings(max_examples=rounds(150))
@given(TEXTS, DIALECTS)
def test_printing_changes_nothing_after_the_first_time(text: str, dialect: Dialect) -> None:
    printed = print_lines(words(text, dialect))

    assert print_lines(words(printed, dialect)) == printed


# A token holds neither a NUL nor a comment. Only a bracket that was never closed holds a
# backslash before its end or a newline, and it is the last of its line.
PLAIN = st.text(st.sampled_from("ab=[]\\ \té\r"), max_size=8).filter(
    lambda text: not (text.endswith("\\") and re.search(r"\A\[|[ \t]", text)),
)
LAST = st.text(st.sampled_from("ab=[]\\ \té\r"), max_size=8)
LINES = st.tuples(st.lists(PLAIN, max_size=4), LAST).map(lambda two: [*two[0], two[1]])


@settings(max_examples=rounds(250))
@given(st.lists(LINES, max_size=5), DIALECTS)
def test_any_tokens_can_be_printed_and_read_again(lines: list[list[str]], dialect: Dialect) -> None:
    assert words(print_lines(lines), dialect) == lines


@settings(max_examples=rounds(150))
@given(TEXTS, DIALECTS)
def test_a_token_stands_where_it_says(text: str, dialect: Dialect) -> None:
    physical = text.split("\n")
    for line in parse(text, dialect).lines:
        places = [(token.line, token.column) for token in line.tokens]
        assert places == sorted(set(places))
        assert all(place >= line.number for place, _ in places)
        for token in line.tokens:
            rest = physical[token.line - 1][token.column - 1 :]
            begin = re.split(r"[\\\n\] ]", token.text)[0]
            assert rest.removeprefix("[").startswith(begin)


@settings(max_examples=rounds(250))
@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                ["success", "default", "auth_err", "=", "ok", "die", "reset", "7", "0", " ", "\n",
                 "99999999999", "bad", "x"],
            ),
            max_size=12,
        ).map("".join),
    ),
)  # fmt: skip
def test_a_control_is_a_whole_table_or_all_bad(text: str) -> None:
    control = parse_control(text)

    assert len(control.table) == len(ReturnCode)
    assert all(type(each) is int and -5 <= each < 2**31 for each in control.table)
    assert not control.mistake or control.table == ALL_BAD


@settings(max_examples=rounds(150))
@given(st.lists(st.integers(-5, 9), min_size=32, max_size=32).map(tuple))
def test_a_table_that_was_printed_reads_as_before(table: tuple[int, ...]) -> None:
    control = parse_control(expand(table)[1:-1])

    assert control.table == table
    assert not control.mistake


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """Return one folder for all examples."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


DATA = st.one_of(st.binary(max_size=200), TEXTS.map(lambda text: text.encode("utf-8", "replace")))
REGISTRY = ModuleRegistry()


@settings(max_examples=rounds(150))
@given(DATA, DATA, DATA, DIALECTS)
def test_any_bytes_compile_or_raise_a_configuration_error(
    shared_folder: Path,
    service: bytes,
    other: bytes,
    part: bytes,
    dialect: Dialect,
) -> None:
    for name, data in (("test", service), ("other", other), ("part", part)):
        (shared_folder / name).write_bytes(data)
    try:
        compiled = compile_service("test", ServiceFolder(shared_folder), REGISTRY.find, dialect)
    except ConfigurationError as error:
        str(error).encode()
        return
    for problem in compiled.problems:
        str(problem).encode()
    for stack in compiled.stacks.values():
        levels = [0, *(entry.level + (not entry.asked) for entry in stack)]
        rising = zip(levels, (entry.level for entry in stack), strict=False)
        assert all(following <= before for before, following in rising)


@settings(max_examples=rounds(150))
@given(st.text(max_size=80))
def test_any_service_name_is_looked_up_inside_the_folder(shared_folder: Path, name: str) -> None:
    for each in ("test", "other", "part"):
        (shared_folder / each).unlink(missing_ok=True)
    folder = ServiceFolder(shared_folder)
    with pytest.raises(ConfigurationError):
        compile_service(name, folder, REGISTRY.find, LINUX_PAM)


KINDS = [OmAuthOptions, PamDebugOptions, PamListfileOptions, PamSucceedIfOptions, Script]
ARGUMENTS = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.builds(
            "{}{}{}".format,
            st.sampled_from(
                ["nullok", "use_first_pass", "auth", "file", "item", "sense", "onerr", "apply",
                 "user", "uid", "authenticate", "setcred"],
            ),
            st.sampled_from(["", "="]),
            st.one_of(
                st.text(max_size=10),
                st.sampled_from(["success", "hang:x", "user", "raise:int", "ask:,", "ingroup"]),
            ),
        ),
    ),
    max_size=8,
)  # fmt: skip


@settings(max_examples=rounds(250))
@given(st.sampled_from(KINDS), ARGUMENTS)
def test_options_never_raise(kind: type, arguments: list[str]) -> None:
    options, problems = read_options(kind, arguments)

    assert (options is None) == any(problem.fatal for problem in problems)
    assert all(0 <= problem.index <= len(arguments) for problem in problems)
    assert all(problem.text for problem in problems)
