"""Programs that others wrote get in with a ticket, and are told why not otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.cases import IMAP, POP3, SMTP, Case, Client, Protocol, Row, Trial
from tests.interop.clients import TICKET_CLIENTS, curl, cyrus
from tests.interop.conftest import Seen
from tests.interop.test_clients import name_of
from tests.interop.tickets import WithTickets

TRIALS = [
    (client, row, case) for client in TICKET_CLIENTS for row in client.rows for case in row.cases
]


@pytest.mark.parametrize("trial", TRIALS, ids=name_of)
def test_ticket_is_answered_as_it_should(
    trial: tuple[Client, Row, Case], seen_with_tickets: Seen
) -> None:
    client, row, case = trial
    result = seen_with_tickets[client.name, row, case]
    assert row.protocol.last_answer(result.transcript) == row.expected(case), result.transcript
    assert result.let_in == (case is Case.RIGHT), result.transcript


@pytest.mark.parametrize(
    ("cache", "user"), [("jsmith", "jsmith"), ("by-authid", "jsmith"), ("by-address", "ann")]
)
def test_principal_becomes_the_user(
    ticket_servers: WithTickets, tmp_path: Path, cache: str, user: str
) -> None:
    server = ticket_servers.by_protocol[POP3.name]
    trial = Trial(Row(POP3, "GSSAPI"), server, ticket_servers.holder("", cache), tmp_path)
    assert f"Welcome, {user}." in curl.run(trial, path="1").transcript


@pytest.mark.parametrize(
    ("client", "protocol"), [(cyrus.SMTPTEST, SMTP), (cyrus.IMTEST, IMAP)], ids=["SMTP", "IMAP"]
)
@pytest.mark.parametrize("wanted", ["ann", "jsmith"])
def test_no_user_becomes_another_by_asking(
    ticket_servers: WithTickets, tmp_path: Path, client: Client, protocol: Protocol, wanted: str
) -> None:
    server = ticket_servers.by_protocol[protocol.name]
    trial = Trial(
        Row(protocol, "GSSAPI"), server, ticket_servers.holder(wanted, "jsmith"), tmp_path
    )
    result = client.run(trial)
    assert result.let_in == (wanted == "jsmith"), result.transcript
    case = Case.RIGHT if result.let_in else Case.WRONG
    assert protocol.last_answer(result.transcript) == protocol.expected(case)
