"""The example sites, started as they say, and asked by a client that knows their certificate."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def running(script: str) -> Iterator[tuple[int, str]]:
    """Start an example; its port, and what it says."""
    port = free_port()
    command = [sys.executable, f"examples/{script}", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = "".join(iter(process.stdout.readline, "stop by Ctrl-C\n"))
            wait_until_it_listens(port)
            yield port, said
        finally:
            process.terminate()


@pytest.mark.parametrize("script", SITES)
def test_example_lets_in_whom_it_says(script: str) -> None:
    with running(script) as (_, said):
        match = re.search(r"--cacert (\S+) --user '(\w+):(.*)' (\S+)\n", said)
        assert match is not None
        authority, name, password, url = match.groups()
        context = ssl.create_default_context(cafile=authority)
        with httpx.Client(verify=context, trust_env=False) as client:
            assert client.get(url).status_code == 401
            assert client.get(url, auth=(name, "wrong")).status_code == 401
            answer = client.get(url, auth=(name, password))
            assert (answer.status_code, answer.json()["authid"]) == (200, "jsmith")
            assert client.get(url, auth=("locked", password)).status_code == 403


def test_example_of_django_lets_in_by_its_form() -> None:
    with running("django_site.py") as (_, said):
        match = re.search(r"user (\w+), password '(.*)'; .*\n +(\S+)\n", said)
        assert match is not None
        name, password, url = match.groups()
        with httpx.Client(trust_env=False, follow_redirects=True) as client:

            def log_in(name: str, password: str) -> httpx.Response:
                token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', client.get(url).text)
                assert token is not None
                data = {"username": name, "password": password, "csrfmiddlewaretoken": token[1]}
                return client.post(url, data=data)

            for bad in ((name, "wrong"), ("locked", password), ("expired", password)):
                assert "Please enter a correct username" in log_in(*bad).text
            assert log_in(name, password).json() == {
                "authid": "jsmith",
                "email": "john.smith@example.com",
            }


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
