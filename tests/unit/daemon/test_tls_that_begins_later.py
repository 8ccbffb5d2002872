"""TLS that begins on request: nothing is said between the request and the handshake."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import pytest

from tests.machine import patience
from tests.unit.adapters.certificates import Certificates, make
from ualauth.config.listen import ListenSettings
from ualauth.daemon.connection import Connection
from ualauth.daemon.protocols.base import Endpoint, Protocol
from ualauth.daemon.requests import Answer, Report, Request, Status, Tag
from ualauth.runtime.peer import ConnectionInfo


class Lines(Protocol):
    """Asks at `ask`, and begins TLS at `tls`, whatever is asked at the time."""

    name: ClassVar[str] = "lines"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.is_answered = asyncio.Event()
        self.has_tls = False

    def received(self, data: bytes) -> None:
        for line in data.split():
            if line == b"ask":
                self.ask(1, Status())
            else:
                self.send(b"begin\n")
                self.start_tls()

    def answered(self, tag: Tag, answer: Answer) -> None:
        self.is_answered.set()
        self.send(b"answered %d\n" % self.has_tls)

    def tls_began(self, connection: Callable[[], ConnectionInfo]) -> None:
        self.has_tls = True

    def give_up(self) -> None:
        self.send(b"not now\n")


class Site:
    """A connection and what it belongs to; requests are answered when the test says so."""

    def __init__(self, certificates: Certificates) -> None:
        self.may_answer = asyncio.Event()
        self.is_asked = asyncio.Event()
        self.has_left = asyncio.Event()
        tls = certificates.server_context()
        self.protocol = Lines(Endpoint(ListenSettings("lines", path="/x"), None, tls=tls))
        self.connection = Connection(lambda _: self.protocol, self, self)  # type: ignore[arg-type]

    async def answer(self, tag: Tag, request: Request) -> Answer:
        self.is_asked.set()
        await self.may_answer.wait()
        return Report([])

    def give_up(self, tag: Tag) -> None:
        """There is no exchange."""

    def close(self) -> None:
        """There is no exchange."""

    def entered(self, connection: Connection) -> None:
        """There is one."""

    def left(self, connection: Connection) -> None:
        self.has_left.set()

    def has_read(self, connection: Connection) -> None:
        asyncio.get_running_loop().call_soon(connection.carry_on)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make(tmp_path_factory.mktemp("certificates"))


def run(
    talk: Callable[[Site, asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    certificates: Certificates,
) -> None:
    """Connect a client that has begun TLS while it is answered, and let it talk."""

    async def both() -> None:
        async with asyncio.timeout(patience(60)):
            site = Site(certificates)
            ours, theirs = socket.socketpair()
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: site.connection, ours)
            reader, writer = await asyncio.open_connection(sock=theirs)
            writer.write(b"ask\n")
            await site.is_asked.wait()
            writer.write(b"tls\n")
            assert await reader.readline() == b"begin\n"
            await talk(site, reader, writer)
            writer.close()
            await site.has_left.wait()

    asyncio.run(both())


def test_an_answer_waits_for_the_end_of_the_handshake(certificates: Certificates) -> None:
    async def talk(site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        site.may_answer.set()
        await site.protocol.is_answered.wait()
        await writer.start_tls(certificates.client_context(), server_hostname="127.0.0.1")
        # It was asked before; what is said of it is encrypted.
        assert await reader.readline() == b"answered 0\n"
        writer.write(b"ask\n")
        assert await reader.readline() == b"answered 1\n"

    run(talk, certificates)


def test_a_stop_in_the_middle_of_a_handshake_says_nothing(certificates: Certificates) -> None:
    async def talk(
        site: Site,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        site.connection.stop()
        await site.has_left.wait()
        assert await reader.read() == b""
        site.may_answer.set()

    run(talk, certificates)
