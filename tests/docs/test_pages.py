"""Every page does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import MEASURED, PAGES, name_of
from tests.docs.play import Player


@pytest.mark.parametrize("page", [page for page in PAGES if page != MEASURED], ids=name_of)
def test_page_does_what_it_says(page: Path, etc: Path, here: Path, programs: Path) -> None:
    # The README's commands are those of the installed program, from its start on.
    differences = Player(page, etc, here, None if page == PAGES[0] else programs).play()
    assert not differences, "\n\n".join(differences)
