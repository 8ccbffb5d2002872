"""Text from files and people, made harmless."""

from __future__ import annotations

import pytest

from ualauth.cli.plain import block, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("John Smith", "John Smith"),
        ("Jürgen, 山田, Ünal", "Jürgen, 山田, Ünal"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("\x07\x08\x7f\0", r"\x07\x08\x7f\x00"),
        ("abc\u202edcba", r"abc\u202edcba"),
        ("\u2066\u2028\ufeff", r"\u2066\u2028\ufeff"),
        ("\udc80", r"\udc80"),
        # A zero width non-joiner belongs to the spelling; so does a no-break space.
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("10\xa0kg", "10\xa0kg"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_block_keeps_lines_and_tabs() -> None:
    assert block("a\tb\x1b\n\tc\r") == "a\tb\\x1b\n\tc\\r"
