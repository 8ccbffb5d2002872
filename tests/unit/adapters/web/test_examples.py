"""The example sites, started as they say, and asked by a client that knows their certificate."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import time

import httpx
import pytest

from tests.docs.pages import ROOT
from tests.machine import patience

SITES = ("fastapi_site.py", "flask_site.py")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@pytest.mark.parametrize("script", SITES)
def test_example_lets_in_whom_it_says(script: str) -> None:
    port = free_port()
    command = [sys.executable, f"examples/{script}", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            said = "".join(running.stdout.readline() for _ in range(3))
            match = re.search(r"--cacert (\S+) --user '(\w+):(.*)' (\S+)\n", said)
            assert match is not None
            authority, name, password, url = match.groups()
            context = ssl.create_default_context(cafile=authority)
            with httpx.Client(verify=context, trust_env=False) as client:
                wait_until_it_listens(port)
                assert client.get(url).status_code == 401
                assert client.get(url, auth=(name, "wrong")).status_code == 401
                answer = client.get(url, auth=(name, password))
                assert (answer.status_code, answer.json()["authid"]) == (200, "jsmith")
                assert client.get(url, auth=("locked", password)).status_code == 403
        finally:
            running.terminate()


def wait_until_it_listens(port: int) -> None:
    end = time.monotonic() + patience(60)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return
