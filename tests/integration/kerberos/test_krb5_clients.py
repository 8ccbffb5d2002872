"""Independent clients, talking base64 over pipes: GNU SASL and Cyrus SASL."""

from __future__ import annotations

import base64
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.tickets import cache_of
from tests.kerberos import Realm
from ualauth import AuthenticationFailed


class Client:
    """A program that writes its responses in lines, and reads challenges from lines."""

    def __init__(self, process: subprocess.Popen[str], prefix: str = "") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout
        self._prefix = prefix

    def send(self, challenge: bytes) -> None:
        mark = self._prefix and "S: "
        self._input.write(f"{mark}{base64.b64encode(challenge).decode()}\n")
        self._input.flush()

    def receive(self) -> bytes:
        """Return the next response; what a program says besides is left out."""
        for line in self._output:
            if line.startswith(self._prefix):
                return base64.b64decode(line.removeprefix(self._prefix))
        raise AssertionError("the client has ended")


@contextlib.contextmanager
def running(kdc: Realm, cache: str, *command: str, prefix: str = "") -> Iterator[Client]:
    """Run a client with tickets, and end it."""
    process = subprocess.Popen(
        # Their output is for people, and would stay in a buffer.
        ["stdbuf", "-oL", *command],
        env={**kdc.environment, "KRB5CCNAME": cache},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield Client(process, prefix)
        process.kill()


def talk(way: Way, exchange: Any, client: Client, response: bytes) -> str:
    """Go on from a first response, and return the user who was let in."""
    while True:
        challenge = way.run(exchange.step(response))
        if challenge is None:
            user: str = exchange.identity.user
            return user
        client.send(challenge)
        response = client.receive()


@pytest.mark.parametrize("mechanism", ["GSSAPI", "GS2-KRB5"])
def test_gnu_sasl_comes_in_with_a_ticket(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, mechanism: str
) -> None:
    config = mail(kdc).config()
    cache = cache_of(kdc, tmp_path / "tickets")
    for wanted in ("jsmith", "other"):
        command = (
            *("gsasl", "--client", "--quiet", "--no-cb", f"--mechanism={mechanism}"),
            *("--service=imap", "--hostname=mail.ual.test", "--realm=UAL.TEST"),
            *("--authentication-id=jsmith", f"--authorization-id={wanted}"),
        )
        exchange = way.authenticator(config).sasl("mail", mechanism)
        with running(kdc, cache, *command) as client:
            # It says the name of the mechanism first, which happens to be no base64.
            assert client._output.readline() == f"{mechanism}\n"
            first = client.receive()
            if wanted == "jsmith":
                assert talk(way, exchange, client, first) == "jsmith"
            else:
                with pytest.raises(AuthenticationFailed):
                    talk(way, exchange, client, first)


def test_cyrus_sasl_comes_in_with_a_ticket(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path
) -> None:
    cache = cache_of(kdc, tmp_path / "tickets")
    exchange = way.authenticator(mail(kdc).config()).sasl("mail", "GSSAPI")
    command = ("sasl-sample-client", "-s", "imap", "-n", "mail.ual.test", "-u", "jsmith")
    with running(kdc, cache, *command, prefix="C: ") as client:
        client.send(b"GSSAPI")
        mechanism, _, first = client.receive().partition(b"\0")
        assert mechanism == b"GSSAPI"
        assert talk(way, exchange, client, first) == "jsmith"
