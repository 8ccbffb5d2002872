"""Text to lines to tokens: every position exact."""

from __future__ import annotations

import pytest

from ualauth.sources.page import Line
from ualauth.stack.dialect import DEBIAN, LINUX_PAM, Dialect
from ualauth.stack.syntax import parse, print_lines

BOTH = [LINUX_PAM, DEBIAN]


def positions(text: str, dialect: Dialect = LINUX_PAM) -> list[str]:
    """Return every token as `text@line:column`, lines divided by bars."""
    return [
        " ".join(f"{token.text}@{token.line}:{token.column}" for token in line.tokens)
        for line in parse(text, dialect).lines
    ]


def words(text: str, dialect: Dialect = LINUX_PAM) -> list[list[str]]:
    """Return the texts of the tokens of each line."""
    return [[token.text for token in line.tokens] for line in parse(text, dialect).lines]


@pytest.mark.parametrize("dialect", BOTH, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n  \n\t\n", []),
        ("a b c\n", ["a@1:1 b@1:3 c@1:5"]),
        ("a b c", ["a@1:1 b@1:3 c@1:5"]),
        ("  a\tb\n", ["a@1:3 b@1:5"]),
        ("\ta   b \t\n", ["a@1:2 b@1:6"]),
        ("\n\n a\nb\n", ["a@3:2", "b@4:1"]),
        ("# x\na # y\n#\n", ["a@2:1"]),
        ("a#b c\n", ["a@1:1"]),
        ("a [b # c] d\n", ["a@1:1 b @1:3"]),
        ("[a b] c\n", ["a b@1:1 c@1:7"]),
        ("[a]b[c] d\n", ["a@1:1 b[c]@1:4 d@1:9"]),
        ("x[a b]\n", ["x[a@1:1 b]@1:5"]),
        (r"[a\]b] c", ["a]b@1:1 c@1:8"]),
        (r"[a\b] c", [r"a\b@1:1 c@1:7"]),
        ("[] []\n", ["@1:1 @1:4"]),
        ("[a b\n", ["a b\n@1:1"]),
        ("[a b", ["a b@1:1"]),
        ("a \\\n  b c\n", ["a@1:1 b@2:3 c@2:5"]),
        ("a\\\nb\n", ["a@1:1 b@2:1"]),
        ("a \\  \t\n  b\\\n\tc\nd\n", ["a@1:1 b@2:3 c@3:2", "d@4:1"]),
        ("[a \\\n  b] c\n", ["a  b@1:1 c@2:6"]),
        ("a \\\\\nb\n", ["a@1:1 \\@1:3 b@2:1"]),
        ("\\\na b\n", ["a@2:1 b@2:3"]),
        ("a \\ b\n", ["a@1:1 \\@1:3 b@1:5"]),
        ("a\r\n", ["a\r@1:1"]),
        ("a\vb\fc\n", ["a\vb\fc@1:1"]),
        ("a\u00a0b \u2028 c\n", ["a\u00a0b@1:1 \u2028@1:5 c@1:7"]),
        ("é ü\n", ["é@1:1 ü@1:3"]),
        ("a b\0c d\n", ["a@1:1 b@1:3"]),
        ("# a \\\nb\n", ["b@2:1"]),
        ("a # c \\\nb\n", ["a@1:1", "b@2:1"]),
    ],
)
def test_tokens_know_where_they_stand(text: str, expected: list[str], dialect: Dialect) -> None:
    assert positions(text, dialect) == expected


@pytest.mark.parametrize(
    ("text", "linux_pam", "debian"),
    [
        ("a \\\n# c\nb\n", ["a@1:1", "b@3:1"], ["a@1:1 b@3:1"]),
        ("a \\\n\nb\n", ["a@1:1", "b@3:1"], ["a@1:1 b@3:1"]),
        ("a \\\n   \nb\n", ["a@1:1", "b@3:1"], ["a@1:1 b@3:1"]),
        ("a \\\n b # c\nd\n", ["a@1:1 b@2:2", "d@3:1"], ["a@1:1 b@2:2", "d@3:1"]),
        # A NUL hides the newline from one, and a backslash after it from the other.
        ("a\0 \\\nb\nc\n", ["a@1:1", "c@3:1"], ["a@1:1", "b@2:1", "c@3:1"]),
    ],
)
def test_dialects_differ_after_a_continued_line(
    text: str,
    linux_pam: list[str],
    debian: list[str],
) -> None:
    assert positions(text, LINUX_PAM) == linux_pam
    assert positions(text, DEBIAN) == debian


@pytest.mark.parametrize("dialect", BOTH, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("", 0),
        ("a\n", 0),
        ("a \\", 1),
        ("a \\\n", 1),
        ("a \\\nb \\\n", 2),
        ("a\nb \\  \n", 2),
        ("a \\\nb\n", 0),
        ("a # b \\\n", 0),
        ("\\\n", 1),
    ],
)
def test_a_last_line_that_goes_on_is_noticed(text: str, unfinished: int, dialect: Dialect) -> None:
    assert parse(text, dialect).unfinished == unfinished


def test_a_comment_after_a_continued_line_finishes_it() -> None:
    assert parse("a \\\n# c\n", LINUX_PAM).unfinished == 0
    assert parse("a \\\n# c\n", DEBIAN).unfinished == 1


def test_a_line_has_the_number_of_its_first_physical_line() -> None:
    numbers = [line.number for line in parse("\na \\\n b \\\n c\nd\n", LINUX_PAM).lines]

    assert numbers == [2, 5]


def test_a_long_text_is_read_in_time_proportional_to_its_length() -> None:
    text = "[" + "\\]" * 200_000 + " \\\n" * 100_000

    (line,) = parse(text + "x", LINUX_PAM).lines

    assert isinstance(line, Line)
    assert len(line.tokens) == 1


@pytest.mark.parametrize(
    "line",
    [
        ["auth", "required", "pam_debug", "auth=auth_err"],
        ["a b", "", "c\td"],
        ["[a]", "]", "a]b", "x[y"],
        ["a\\", "b"],
        ["a", "b\\"],
        ["c", "a b\\"],
        ["a", "b\n"],
        ["\r", "\v"],
    ],
)
@pytest.mark.parametrize("dialect", BOTH, ids=lambda dialect: dialect.name)
def test_what_is_printed_reads_as_before(line: list[str], dialect: Dialect) -> None:
    assert words(print_lines([line, ["next"]]), dialect) == [line, ["next"]]
