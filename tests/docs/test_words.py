"""The language of the documentation: British spelling with -ize, and lines that fit."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import MEASURED, PAGES, blocks, name_of, prose

_ENDINGS = r"(?:s|d|r|ing|ation|ations)?"
FOREIGN = re.compile(
    r"\b(?:"
    r"colors?|behaviors?|favor\w*|honor\w*|neighbor\w*|center\w*|license[sd]?|defense|"
    r"catalogs?|dialogs?|canceled|labeled|modeled|fulfill\w*|judgment|analyz\w*|"
    rf"(?:author|real|recogn|organ|normal|initial|synchron|standard|canonical|minim|maxim)is[ei]{_ENDINGS}"
    r")\b",
    re.IGNORECASE,
)
COLUMNS = 100


def plain(page: Path) -> str:
    """Return the prose without code and addresses."""
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose(page))


WRITTEN = [page for page in PAGES if page != MEASURED]


def test_spelling_is_the_same_everywhere() -> None:
    assert not [(name_of(page), word) for page in PAGES for word in FOREIGN.findall(plain(page))]


def test_lines_fit() -> None:
    assert not [
        (name_of(page), line)
        for page in WRITTEN
        for line in prose(page).split("\n")
        if len(line) > COLUMNS and not line.startswith("|")
    ]


def test_every_block_says_what_it_is() -> None:
    assert not [str(block) for page in WRITTEN for block in blocks(page) if not block.language]


def test_blocks_that_are_not_run_stay_rare() -> None:
    all_blocks = [block for page in PAGES for block in blocks(page)]
    skipped = [str(block) for block in all_blocks if "no-run" in block.words]
    assert len(skipped) <= len(all_blocks) // 20, skipped
