"""All clients in all situations, tried once for all tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.cases import Case, Client, Result, Row, Trial
from tests.interop.clients import CLIENTS, RARE_CLIENTS, TICKET_CLIENTS
from tests.interop.servers import Servers, with_password
from tests.interop.tickets import WithTickets, with_tickets

AT_ONCE = 8

Seen = Mapping[tuple[str, Row, Case], Result]


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Return what each came to without a ticket."""
    return _tried_without_ticket(CLIENTS, tmp_path_factory.mktemp("interop"))


@pytest.fixture(scope="session")
def seen_by_rare(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Return what each of the rare ones came to."""
    return _tried_without_ticket(RARE_CLIENTS, tmp_path_factory.mktemp("interop-rare"))


@pytest.fixture(scope="session")
def ticket_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithTickets]:
    """Return servers that take tickets."""
    with with_tickets(tmp_path_factory.mktemp("tickets")) as servers:
        yield servers


@pytest.fixture(scope="session")
def seen_with_tickets(
    ticket_servers: WithTickets, tmp_path_factory: pytest.TempPathFactory
) -> Seen:
    """Return what each came to with a ticket."""
    return _tried(ticket_servers, TICKET_CLIENTS, tmp_path_factory.mktemp("interop-tickets"))


def _tried_without_ticket(clients: Sequence[Client], folder: Path) -> Seen:
    with with_password(folder / "etc") as servers:
        return _tried(servers, clients, folder)


def _tried(servers: Servers, clients: Sequence[Client], folder: Path) -> Seen:
    """Try all clients: first all without the outage, then all during it."""
    results: dict[tuple[str, Row, Case], Result] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def attempt(client: Client, row: Row, case: Case) -> None:
            results[client.name, row, case] = _result(servers, client, row, case, folder)

        def attempt_all(*, outage: bool) -> None:
            begun = [
                pool.submit(attempt, client, row, case)
                for client in clients
                for row in client.rows
                for case in row.cases
                if (case is Case.OUTAGE) == outage
            ]
            for each in begun:
                each.result()

        attempt_all(outage=False)
        with servers.outage():
            attempt_all(outage=True)
    return results


def _result(servers: Servers, client: Client, row: Row, case: Case, folder: Path) -> Result:
    name = f"{client.name}-{row.protocol.name}-{row.mechanism}-{row.tls}-{case.name.lower()}"
    own = folder / name.replace(" ", "-")
    own.mkdir()
    server = servers.by_protocol[row.protocol.name]
    try:
        return client.run(Trial(row, server, servers.credentials(case), own))
    except subprocess.TimeoutExpired as error:
        return Result(let_in=False, transcript=f"{error}\n{error.output}")
