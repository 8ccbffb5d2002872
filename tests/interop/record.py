"""Records what the rare programs send, for the tests that replay it.

usage: .venv/bin/python -m tests.interop.record [NAME ...]

NAMEs are those of docs/interoperability-libraries.md, without them it is all programs; their
packages are those of `make long`. `tests/interop/test_recordings.py` replays the files.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from contextlib import nullcontext

from tests.interop.cases import Case, Client, Row, Trial
from tests.interop.clients import RARE_CLIENTS
from tests.interop.recorder import recording
from tests.interop.recordings import CHALLENGED, Recording, record, write
from tests.interop.servers import WithPassword, with_password


def main(names: list[str]) -> None:
    """Record the programs of these names."""
    programs: dict[str, list[Client]] = {}
    for client in RARE_CLIENTS:
        if not names or client.name in names:
            programs.setdefault(client.name, []).append(client)
    with tempfile.TemporaryDirectory() as folder, with_password(Path(folder) / "etc") as servers:
        for name, clients in programs.items():
            recordings = [
                _recorded(servers, client, row, case, Path(folder))
                for client in clients
                for row in client.rows
                if row.mechanism not in CHALLENGED
                for case in row.cases
            ]
            write(name, recordings)
            sys.stdout.write(f"{name}: {len(recordings)}\n")


def _recorded(
    servers: WithPassword, client: Client, row: Row, case: Case, folder: Path
) -> Recording:
    own = Path(tempfile.mkdtemp(dir=folder))
    playground = servers.playground
    secrets = {"bad token": playground.bad_token, "token": playground.token}
    server = servers.by_protocol[row.protocol.name]
    with (
        servers.outage() if case is Case.OUTAGE else nullcontext(),
        recording(server, playground, implicit=row.implicit) as (proxy, heard),
    ):
        result = client.run(Trial(row, proxy, servers.credentials(case), own))
    assert result.let_in == heard.granted == (case is Case.RIGHT), (client.name, row, case, result)
    return record(client.name, row, case, bytes(heard.sent), secrets)


if __name__ == "__main__":
    main(sys.argv[1:])
