"""All clients in all situations, tried once for all tests."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.cases import Case, Client, Result, Row, Trial
from tests.interop.clients import CLIENTS
from tests.interop.servers import Servers, running

AT_ONCE = 4

Seen = Mapping[tuple[str, Row, Case], Result]


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Return what each came to: first all without the outage, then all during it."""
    folder = tmp_path_factory.mktemp("interop")
    found: dict[tuple[str, Row, Case], Result] = {}
    with running(folder / "etc") as servers, ThreadPoolExecutor(AT_ONCE) as pool:

        def attempt(client: Client, row: Row, case: Case) -> None:
            found[client.name, row, case] = _result(servers, client, row, case, folder)

        def attempt_all(*cases: Case) -> None:
            begun = [
                pool.submit(attempt, client, row, case)
                for client in CLIENTS
                for row in client.rows
                for case in cases
                if case in row.cases
            ]
            for each in begun:
                each.result()

        attempt_all(Case.RIGHT, Case.WRONG)
        with servers.outage():
            attempt_all(Case.OUTAGE)
    return found


def _result(servers: Servers, client: Client, row: Row, case: Case, folder: Path) -> Result:
    name = f"{client.name}-{row.protocol.name}-{row.mechanism}-{row.tls}-{case.value}"
    own = folder / name.replace(" ", "-")
    own.mkdir()
    server = servers.by_protocol[row.protocol.name]
    try:
        return client.run(Trial(row, server, servers.credentials(case), own))
    except subprocess.TimeoutExpired as error:
        return Result(let_in=False, transcript=f"{error}\n{error.output}")
