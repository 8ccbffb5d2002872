"""A proxy that ends TLS between a program and a server, and notes what the program sends."""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from playground import Playground

from tests.interop.cases import SECONDS, Case, Protocol, Server

_STARTTLS = re.compile(rb"(?:\S+ )?(?:STARTTLS|STLS)\r?\n", re.IGNORECASE)


@dataclass(slots=True)
class Heard:
    """What a program sent under TLS, on one connection or several in turn."""

    sent: bytearray = field(default_factory=bytearray)
    granted: bool = False


@contextmanager
def recording(
    server: Server, playground: Playground, *, implicit: bool
) -> Iterator[tuple[Server, Heard]]:
    """Stand before a server, for one program; connections come one after the other."""
    heard = Heard()
    listening = socket.create_server((server.host, 0))
    how = "TLS" if implicit else "STARTTLS"

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                client.settimeout(SECONDS)
                upstream = socket.create_connection((server.host, server.ports[how]), SECONDS)
                with suppress(OSError):
                    _Relay(client, upstream, server.protocol, heard).run(playground, implicit)
                client.close()
                upstream.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port: int = listening.getsockname()[1]
    try:
        yield Server(server.protocol, {how: port}, server.authority, server.host), heard
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(SECONDS)


class _Relay:
    def __init__(
        self, client: socket.socket, upstream: socket.socket, protocol: Protocol, heard: Heard
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._protocol = protocol
        self._heard = heard

    def run(self, playground: Playground, implicit: bool) -> None:
        if implicit or self._ends_in_starttls():
            trust = ssl.create_default_context(cafile=playground.authority)
            upstream = trust.wrap_socket(self._upstream, server_hostname="localhost")
            client = playground.tls_context().wrap_socket(self._client, server_side=True)
            with upstream, client:
                self._relay(client, upstream)

    def _ends_in_starttls(self) -> bool:
        """Relay commands and replies in turn, until TLS begins."""
        self._client.sendall(_line(self._upstream))
        while line := _line(self._client):
            self._upstream.sendall(line)
            self._client.sendall(b"".join(self._reply_to(line)))
            if _STARTTLS.fullmatch(line):
                return True
        return False

    def _reply_to(self, command: bytes) -> Iterator[bytes]:
        scheme = self._protocol.scheme
        while line := _line(self._upstream):
            yield line
            if scheme == "smtp":
                ended = line[3:4] != b"-"
            elif scheme == "imap":
                ended = line.startswith(command.split()[0] + b" ")
            else:
                listed = command.upper().startswith((b"CAPA", b"AUTH\r"))
                ended = not listed or line == b".\r\n" or line.startswith(b"-ERR")
            if ended:
                return

    def _relay(self, client: ssl.SSLSocket, upstream: ssl.SSLSocket) -> None:
        said = ""
        while True:
            ready = [each for each in (client, upstream) if each.pending()]
            if not ready:
                ready = select.select([client, upstream], [], [], SECONDS)[0]
            if not ready:
                return
            for each in ready:
                # What is ready may be a message of TLS's own.
                each.setblocking(False)
                try:
                    data = each.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                finally:
                    each.settimeout(SECONDS)
                if not data:
                    return
                if each is upstream:
                    said += data.decode(errors="replace")
                    letting_in = self._protocol.answers[Case.RIGHT]
                    self._heard.granted |= self._protocol.last_answer(said) == letting_in
                elif not self._heard.granted:
                    self._heard.sent += data
                (client if each is upstream else upstream).sendall(data)


def _line(connection: socket.socket) -> bytes:
    """Return a line, and take nothing of what follows."""
    line = bytearray()
    while not line.endswith(b"\n") and (octet := connection.recv(1)):
        line += octet
    return bytes(line)
