"""A program ends although logins are under way that it still holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import patience
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, sys
from tests.unit.sasl import clients
from ualauth import AsyncAuthenticator, Authenticator

class Held:
    "In a circle, so that nothing but the end of the interpreter frees it."

held = Held()
held.itself = held
sys.held = held
first = next(clients.scram("SCRAM-SHA-256", sys.argv[3], "wrong"))
kept = {"tls": True, "rhost": "192.0.2.7"}
if sys.argv[2] == "blocking":
    held.authenticator = Authenticator(sys.argv[1])
    held.exchange = held.authenticator.sasl("pop3", "SCRAM-SHA-256", **kept)
    assert held.exchange.step(first)
else:
    async def begin():
        held.authenticator = AsyncAuthenticator(sys.argv[1])
        held.exchange = held.authenticator.sasl("pop3", "SCRAM-SHA-256", **kept)
        assert await held.exchange.step(first)
        # Another one is in a thread.
        login = held.authenticator.authenticate("pop3", "jsmith", "wrong", rhost="192.0.2.8")
        held.coroutine = login
        held.request = login.send(None)
    held.loop = asyncio.new_event_loop()
    held.loop.run_until_complete(begin())
"""


@pytest.mark.parametrize("name", ["jsmith", "unknown"])
@pytest.mark.parametrize("way", ["blocking", "asyncio"])
def test_a_program_ends_that_holds_logins_under_way(
    folder: ConfigFolder, way: str, name: str
) -> None:
    folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    folder.settings('[sasl]\nmechanisms = ["SCRAM-SHA-256", "PLAIN"]\n')
    Userlist.create(folder.path).add("jsmith", "s3cret")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder.path), way, name],
        cwd=ROOT,
        timeout=patience(60),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr, done.stderr
