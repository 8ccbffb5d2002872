"""A thousand clients that say nothing, on each example server; and one that logs in beside them."""

from __future__ import annotations

import resource
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playground import PASSWORD, Playground

from tests.interop.servers import EXAMPLES, SETTINGS, Example, running
from tests.machine import patience

MANY = 1000
SECONDS = patience(10)
"""For one greeting, and for one login; all of them together have no limit of their own."""
PLAIN = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
LOGINS = {
    "smtp": (("EHLO me", "250 "), (f"AUTH PLAIN {PLAIN}", "235 ")),
    "imap": (("a AUTHENTICATE PLAIN", "+"), (PLAIN, "a OK")),
    "pop3": (("USER jsmith", "+OK"), (f"PASS {PASSWORD}", "+OK Logged in")),
}


@contextmanager
def descriptors(least: int) -> Iterator[None]:
    """Let this process and those that it starts have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(least, hard)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def log_in(port: int, context: ssl.SSLContext, scheme: str) -> None:
    """Log in under TLS; each answer has a time limit."""
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
        secure.makefile("rb") as lines,
    ):
        assert lines.readline()
        for line, expected in LOGINS[scheme]:
            secure.sendall(f"{line}\r\n".encode())
            while not (answer := lines.readline().decode()).startswith(expected):
                assert answer.startswith(("250-", "* ")), answer


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.protocols[0].name)
def test_a_login_beside_idle_connections(tmp_path: Path, example: Example) -> None:
    playground = Playground.make(tmp_path / "etc")
    with (playground.folder / "ualauth.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    protocol = example.protocols[0]
    context = ssl.create_default_context(cafile=playground.authority)
    with (
        descriptors(4 * MANY),
        running(playground, examples=(example,)) as servers,
        ExitStack() as idle,
    ):
        ports = servers[protocol.name].ports
        log_in(ports["TLS"], context, protocol.scheme)
        # All at once, and then their greetings.
        clients = [
            idle.enter_context(socket.create_connection(("127.0.0.1", ports["STARTTLS"]), SECONDS))
            for _ in range(MANY)
        ]
        for number, client in enumerate(clients):
            assert client.recv(1000), number
            if number % 100 == 0:
                log_in(ports["TLS"], context, protocol.scheme)
        log_in(ports["TLS"], context, protocol.scheme)
