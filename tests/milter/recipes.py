"""The recipes of the page about milters, as they are written there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/administrators/milters.md"


def recipe(beginning: str) -> str:
    """Return the text in the block behind the paragraph that begins so."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n{beginning} ")
    match = re.search(r"```text\n(.*?)```\n", rest, re.DOTALL)
    assert match is not None, beginning
    return match[1]


def configured(beginning: str, replaced: Mapping[str, object], *more: str) -> str:
    """Return a configuration of the page with other values, each of which it has to have."""
    lines = [line.split(maxsplit=1) for line in recipe(beginning).splitlines()]
    names = [name for name, _ in lines]
    assert set(replaced) <= set(names)
    shown = [f"{name} {replaced.get(name, value)}" for name, value in lines]
    return "".join(f"{line}\n" for line in [*shown, *more])


def commands(beginning: str, replaced: Mapping[str, object]) -> list[list[str]]:
    """Return the words of commands of the page, some of which become others."""
    lines = [line.split() for line in recipe(beginning).splitlines()]
    assert set(replaced) <= {word for line in lines for word in line}
    return [[str(replaced.get(word, word)) for word in line] for line in lines]
