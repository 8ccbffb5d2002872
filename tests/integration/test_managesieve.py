"""sieve-connect, of Debian, at the example server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.pages import ROOT
from tests.machine import patience

PASSWORD = "correct horse"


class Example(NamedTuple):
    """The example server: the authority of its certificate, and its port for STARTTLS."""

    authority: str
    port: str

    def run(self, password: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run sieve-connect."""
        server = ("--server", "localhost", "--port", self.port, "--tlscafile", self.authority)
        return subprocess.run(
            ["sieve-connect", *server, "--passwordfd", "0", "--user", *words],
            input=password,
            capture_output=True,
            text=True,
            check=False,
            timeout=patience(60),
        )


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    command = [sys.executable, "examples/sieve_server.py", "--ports", "0", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = "".join(iter(process.stdout.readline, "stop by Ctrl-C\n"))
            match = re.search(r"--tlscafile (\S+) --user jsmith localhost:(\d+)\n", said)
            assert match is not None
            yield Example(match[1], match[2])
        finally:
            process.terminate()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_scripts_are_put_and_listed(example: Example, mechanism: str, tmp_path: Path) -> None:
    script = tmp_path / f"{mechanism.lower()}.sieve"
    script.write_text("keep;\n", encoding="utf-8")
    login = ("jsmith", "--authmech", mechanism)
    put = example.run(PASSWORD, *login, "--localsieve", script, "--upload")
    assert put.returncode == 0, put.stderr
    shown = example.run(PASSWORD, *login, "--list")
    assert f'"{script.name}"' in shown.stdout


@pytest.mark.parametrize(("name", "password"), [("jsmith", "wrong"), ("locked", PASSWORD)])
def test_who_is_refused_is_told_so(example: Example, name: str, password: str) -> None:
    refused = example.run(password, name, "--authmech", "PLAIN", "--list")
    assert refused.returncode != 0
    said = "This account may not be used" if name == "locked" else "Authentication failed"
    assert said in refused.stdout + refused.stderr
