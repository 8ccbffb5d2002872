"""The language of the documentation: British spelling with -ize, and lines that fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_spelling_is_the_same_everywhere(page: Path) -> None:
    assert not FOREIGN.findall(plain(page))


@pytest.mark.parametrize("page", [page for page in PAGES if page != MEASURED], ids=name_of)
def test_lines_fit(page: Path) -> None:
    lines = prose(page).split("\n")
    assert not [line for line in lines if len(line) > COLUMNS and not line.startswith("|")]


@pytest.mark.parametrize("page", [page for page in PAGES if page != MEASURED], ids=name_of)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert not [str(block) for block in blocks(page) if not block.language]


def test_blocks_that_are_not_run_stay_rare() -> None:
    all_blocks = [block for page in PAGES for block in blocks(page)]
    skipped = [str(block) for block in all_blocks if "no-run" in block.words]
    assert len(skipped) <= len(all_blocks) // 20, skipped
