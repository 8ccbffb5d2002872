"""The pages of the documentation: their blocks, tables, headings and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "docs" / "benchmarks.md"
"""Made by a program, from what it measured."""
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "own_module" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

_FENCE = re.compile(r"```(?P<info>.*)")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"#+ (?P<text>.*)")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is that of its fence, `words` what follows the language."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def option(self, name: str) -> str | None:
        """Return the value of the word `name=value`."""
        for word in self.words:
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
        return None

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        fence = _FENCE.fullmatch(lines[number])
        number += 1
        if fence is None:
            continue
        end = lines.index("```", number)
        language, *words = shlex.split(fence["info"]) or [""]
        text = "".join(f"{line}\n" for line in lines[number:end])
        yield Block(page, number, language, tuple(words), text)
        number = end + 1


def prose(page: Path) -> str:
    """Return a page without its blocks."""
    prose_lines = []
    inside = False
    for line in page.read_text(encoding="utf-8").split("\n"):
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            prose_lines.append(line)
    return "\n".join(prose_lines)


def tables(page: Path) -> list[list[list[str]]]:
    """Return every table: its rows, the heading among them, without the rule."""
    all_tables: list[list[list[str]]] = []
    inside = False
    for line in prose(page).split("\n"):
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            all_tables.append([])
            inside = True
        if set(line) <= set("|-: "):
            continue
        cells = re.split(r"(?<!\\)\|", line.strip("|"))
        all_tables[-1].append([cell.strip().replace("\\|", "|") for cell in cells])
    return all_tables


def table(page: Path, *headings: str) -> list[list[str]]:
    """Return the rows of the only table of a page with these headings."""
    (rows,) = [each[1:] for each in tables(page) if each[0] == list(headings)]
    return rows


def links(page: Path) -> list[str]:
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """Return what a link may name after `#`, as GitHub makes it of headings."""
    names = set()
    for line in prose(page).split("\n"):
        heading = _HEADING.fullmatch(line)
        if heading is not None:
            plain = _NOT_IN_ANCHORS.sub("", heading["text"].lower())
            names.add(plain.replace(" ", "-"))
    return names
