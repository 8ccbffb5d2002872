"""An IMAP server that says what a test has written down."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

Say = Callable[[str, str], str | None]
"""Tag and line (or response) of the client -> what the server says, `None` to end."""

GREETING = "* OK ready\r\n"


class ImapScript:
    """One server on a free port of 127.0.0.1; `lines` are all that clients have sent."""

    def __init__(
        self,
        say: Say,
        *,
        greeting: str = GREETING,
        capabilities: str = "IMAP4rev1 AUTH=PLAIN",
        context: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        beside_starttls: str = "",
    ) -> None:
        """Listen."""
        self._say = say
        self._greeting = greeting
        self._capabilities = capabilities
        self._context = context
        self._starttls = starttls
        self._beside = beside_starttls
        self.lines: list[str] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.over = threading.Event()

    def __enter__(self) -> Self:
        """Begin."""
        thread = threading.Thread(target=self._accept)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections."""
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            connection.sendall(self._greeting.encode())
            tag = "*"
            file = connection.makefile("rb")
            while line := file.readline():
                text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
                self.lines.append(text)
                first, _, rest = text.partition(" ")
                if rest == "CAPABILITY":
                    answer: str | None = f"* CAPABILITY {self._capabilities}\r\n{first} OK done\r\n"
                elif rest == "STARTTLS" and self._starttls is not None:
                    connection.sendall(f"{first} OK go\r\n{self._beside}".encode())
                    connection = self._starttls.wrap_socket(connection, server_side=True)
                    self._open.append(connection)
                    file = connection.makefile("rb")
                    continue
                else:
                    tag = first if rest.startswith(("AUTHENTICATE", "LOGIN")) else tag
                    answer = self._say(tag, text)
                if answer is None:
                    break
                connection.sendall(answer.encode("utf-8", "surrogateescape"))
                if text.endswith("}") and answer.startswith("+"):
                    # A literal may hold the ends of lines.
                    size = int(text.rpartition("{")[2][:-1])
                    literal = file.read(size) + file.readline()
                    self.lines.append(literal[:size].decode("utf-8", "surrogateescape"))
                    answer = self._say(tag, self.lines[-1])
                    if answer is None:
                        break
                    connection.sendall(answer.encode())
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def answering(result: str) -> Say:
    """Return what asks for a response of PLAIN, or a literal, and then says the result."""

    def say(tag: str, line: str) -> str:
        if line.endswith(("AUTHENTICATE PLAIN", "}")):
            return "+ \r\n"
        # The text after the word is not to be left out (RFC 9051, section 9).
        return f"{tag} {result}{'' if ' ' in result else ' done'}\r\n"

    return say
