"""GNU SASL as the server, and the clients of these tests: what they are tried with is no mistake
that both sides make."""

from __future__ import annotations

import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest

from tests.interop.cases import SECONDS
from tests.unit.sasl.clients import Client, cram_md5, plain, scram

CLIENTS: dict[str, Callable[[str], Client]] = {
    "PLAIN": lambda password: plain("jsmith", password),
    "CRAM-MD5": lambda password: cram_md5("jsmith", password),
    "SCRAM-SHA-1": lambda password: scram("SCRAM-SHA-1", "jsmith", password),
    "SCRAM-SHA-256": lambda password: scram("SCRAM-SHA-256", "jsmith", password),
}


@pytest.mark.parametrize("mechanism", CLIENTS)
@pytest.mark.parametrize("password", ["pencil", "wrong"])
def test_gsasl_lets_in_who_knows_the_password(mechanism: str, password: str) -> None:
    # Its output is for a terminal. --application-data turns off what comes afterwards.
    with subprocess.Popen(
        [
            *["timeout", str(SECONDS), "stdbuf", "-oL", "gsasl", "--server", "--quiet", "--no-cb"],
            *["--application-data", f"--mechanism={mechanism}", "--password=pencil"],
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stdout.readline().strip() == mechanism
        client = CLIENTS[mechanism](password)
        response = next(client)
        # What it sends first is empty where the client begins.
        challenge = b64decode(server.stdout.readline())
        rounds = 0
        try:
            while True:
                if response is None:
                    response = client.send(challenge)
                server.stdin.write(b64encode(response or b"").decode() + "\n")
                server.stdin.flush()
                response = None
                rounds += 1
                line = server.stdout.readline()
                if not line:
                    break
                challenge = b64decode(line)
        except StopIteration:
            pass
        server.stdin.close()
        said = server.stderr and server.stderr.read()
        server.wait(SECONDS)
    refused = "Error authenticating user" in (said or "")
    assert refused == (password == "wrong")
    assert rounds >= (2 if mechanism.startswith("SCRAM") else 1)
