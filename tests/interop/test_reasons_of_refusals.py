"""Example servers say in their own log why they refuse, and never to the client."""

from __future__ import annotations

import imaplib
import poplib
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playground import Playground

from tests.docs.pages import ROOT
from tests.machine import patience


def pop3(port: int, context: ssl.SSLContext) -> str:
    """Return what a POP3 server says to a wrong password."""
    client = poplib.POP3_SSL("localhost", port, context=context)
    try:
        client.user("jsmith")
        with pytest.raises(poplib.error_proto) as raised:
            client.pass_("wrong horse")
    finally:
        client.close()
    return str(raised.value)


def imap(port: int, context: ssl.SSLContext) -> str:
    """Return what an IMAP server says to it."""
    client = imaplib.IMAP4_SSL("localhost", port, ssl_context=context)
    try:
        with pytest.raises(imaplib.IMAP4.error) as raised:
            client.login("jsmith", "wrong horse")
    finally:
        client.shutdown()
    return str(raised.value)


@pytest.mark.parametrize(
    ("script", "refused"),
    [("pop3_server.py", pop3), ("twisted_imap_server.py", imap), ("imap_server.py", imap)],
)
def test_the_reason_is_in_the_log_of_the_server_alone(
    tmp_path: Path, script: str, refused: Callable[[int, ssl.SSLContext], str]
) -> None:
    playground = Playground.make(tmp_path / "etc")
    context = ssl.create_default_context(cafile=str(playground.authority))
    server = str(ROOT / "examples" / script)
    words = [sys.executable, server, str(playground.folder), "--ports", "0", "0"]
    said = tmp_path / "stderr"
    with (
        said.open("w") as errors,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            port = 0
            for line in iter(process.stdout.readline, ""):
                if match := re.search(r", TLS: \S+ port (\d+)", line):
                    port = int(match[1])
                if "Ctrl-C" in line:
                    break
            reply = refused(port, context)
            until = time.monotonic() + patience(30)
            while "wrong_password" not in said.read_text() and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            process.terminate()
    log = said.read_text()
    assert re.search(r"WARNING ualauth\.audit: \w+: refused wrong_password: .*pam\.d/\w+:\d", log)
    assert "wrong horse" not in log
    assert "wrong_password" not in reply
    assert "om_auth" not in reply
    assert "pam.d" not in reply


@pytest.mark.parametrize("script", ["pop3_server.py", "twisted_imap_server.py"])
def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path, script: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = str(ROOT / "examples" / script)
        words = [sys.executable, server, str(tmp_path / "etc"), "--ports", port, "0"]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("cannot serve: ")
    assert port in line
