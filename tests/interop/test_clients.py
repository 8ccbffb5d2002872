"""Programs that others wrote get in with what is right, and are told why not otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.interop.cases import Case, Client, Result, Row
from tests.interop.clients import CLIENTS, TICKET_CLIENTS
from tests.interop.conftest import Seen
from tests.interop.page import Answers, page
from tests.interop.servers import ROOT

PAGE = ROOT / "docs" / "interoperability.md"


def trials(clients: Sequence[Client]) -> list[tuple[Client, Row, Case]]:
    return [(client, row, case) for client in clients for row in client.rows for case in row.cases]


def name_of(trial: tuple[Client, Row, Case]) -> str:
    client, row, case = trial
    return f"{client.name}-{row.protocol.name}-{row.mechanism}-{row.tls}-{case.name.lower()}"


@pytest.mark.parametrize("trial", trials(CLIENTS), ids=name_of)
def test_client_is_answered_as_it_should(trial: tuple[Client, Row, Case], seen: Seen) -> None:
    client, row, case = trial
    check(row, case, seen[client.name, row, case])


def check(row: Row, case: Case, result: Result) -> None:
    assert row.protocol.last_answer(result.transcript) == row.expected(case), result.transcript
    granted = row.expected(case) == row.protocol.expected(Case.RIGHT)
    assert result.let_in == granted, result.transcript


def test_page_tells_what_was_seen(seen: Seen, seen_with_tickets: Seen) -> None:
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    now = page(CLIENTS, answers_in(seen), TICKET_CLIENTS, answers_in(seen_with_tickets))
    PAGE.write_text(now, encoding="utf-8")
    assert before == now, "docs/interoperability.md was another: look at it, and commit it"


def answers_in(seen: Seen) -> Answers:
    return {key: key[1].protocol.last_answer(result.transcript) for key, result in seen.items()}
