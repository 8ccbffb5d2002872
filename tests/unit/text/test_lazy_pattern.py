"""Regular expressions that are compiled when they are first used are those of `re`."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import ualauth
from ualauth.text import lazy_pattern as module
from ualauth.text.lazy_pattern import lazy_pattern

ROOT = Path(ualauth.__file__).parent
USERS = sorted(
    ".".join(("ualauth", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if "import lazy_pattern" in path.read_text(encoding="utf-8")
)


def test_it_is_compiled_once_and_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[str, int]] = []
    compile_one = re.compile

    def noted(text: str, flags: int) -> re.Pattern[str]:
        compiled.append((text, flags))
        return compile_one(text, flags)

    monkeypatch.setattr(re, "compile", noted)
    pattern = lazy_pattern("a(b)", re.IGNORECASE)
    assert compiled == []
    assert pattern.fullmatch("AB")
    assert pattern.fullmatch("ac") is None
    assert compiled == [("a(b)", re.IGNORECASE)]


def test_it_has_what_a_pattern_has() -> None:
    pattern = lazy_pattern(rb"(?P<first>a)|b", re.DOTALL)
    assert pattern.pattern == rb"(?P<first>a)|b"
    assert pattern.groupindex == {"first": 1}
    assert pattern.sub(b"c", b"ab") == b"cc"
    assert [match[0] for match in pattern.finditer(b"ba")] == [b"b", b"a"]
    with pytest.raises(AttributeError):
        pattern.unknown  # type: ignore[attr-defined]  # noqa: B018 - looked up


@pytest.mark.parametrize("name", USERS)
def test_each_can_be_compiled(name: str) -> None:
    patterns = [
        each
        for each in vars(importlib.import_module(name)).values()
        if isinstance(each, module._Pattern)  # type: ignore[attr-defined]
    ]
    assert patterns
    for each in patterns:
        re.compile(each._text, each._flags)
