"""The libraries of other languages do as mail programs do: `make long` installs and tries them."""

from __future__ import annotations

import pytest

from tests.interop.cases import Case, Client, Row
from tests.interop.clients import RARE_CLIENTS
from tests.interop.conftest import Seen
from tests.interop.page import page_of_libraries
from tests.interop.servers import ROOT
from tests.interop.test_clients import answers_in, check, name_of, trials

PAGE = ROOT / "docs" / "interoperability-libraries.md"


@pytest.mark.parametrize("trial", trials(RARE_CLIENTS), ids=name_of)
def test_library_is_answered_as_it_should(
    trial: tuple[Client, Row, Case], seen_by_rare: Seen
) -> None:
    client, row, case = trial
    check(row, case, seen_by_rare[client.name, row, case])


def test_page_tells_what_was_seen(seen_by_rare: Seen) -> None:
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    now = page_of_libraries(RARE_CLIENTS, answers_in(seen_by_rare))
    PAGE.write_text(now, encoding="utf-8")
    assert before == now, "docs/interoperability-libraries.md was another: look at it, commit it"
