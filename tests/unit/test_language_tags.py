"""Language tags, and what other systems write in their place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.text.language import is_language_tag, language_tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("de", "de"),
        ("pt-BR", "pt-BR"),
        ("de_DE", "de-DE"),
        ("de_DE.UTF-8", "de-DE"),
        ("ca_ES@valencia", "ca-ES"),
        ("C", ""),
        ("POSIX", ""),
        ("C.UTF-8", ""),
        ("*", ""),
        ("", ""),
        ("en, de;q=0.5", "en"),
        ("en;q=0.5, de", "de"),
        ("en ; q=0.2,fr;q=0.9", "fr"),
        ("fr;q=x", "fr;q=x"),
        ("german language", "german language"),
        ("d e", "d e"),
        ("x" * 36, "x" * 36),
    ],
)
def test_what_others_write_becomes_a_tag(text: str, tag: str) -> None:
    assert language_tag(text) == tag


@pytest.mark.parametrize("text", ["", "e", "de-", "-de", "de--AT", "en-x", "de_DE", "12", "de\n"])
def test_what_is_no_tag(text: str) -> None:
    assert not is_language_tag(text)


@given(st.text("abcdefgxi-_.@,;q=0123456789 *", max_size=40))
def test_a_tag_stays_what_it_is(text: str) -> None:
    once = language_tag(text)
    assert language_tag(once) == once or not is_language_tag(once)
