"""A client that says what a test wants it to, over a real socket: IMAP, POP3 and SMTP."""

from __future__ import annotations

import socket
import ssl
from base64 import b64decode, b64encode
from typing import ClassVar, Self

from tests.machine import patience
from tests.unit.sasl.clients import Client

SECONDS = patience(30.0)


class Talk:
    """One connection; each protocol says how a command and its reply look."""

    plain_end: ClassVar[str]
    starttls: ClassVar[str]

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        """Connect, with TLS from the beginning if there is a context; read the greeting."""
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.file = self.socket.makefile("rb")
        self.sent: list[bytes] = []
        self.came: list[str] = []
        if context is not None:
            self.wrap(context)
        self.greeting = self.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def wrap(self, context: ssl.SSLContext) -> None:
        """Begin TLS."""
        self.file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def begin_tls(self, context: ssl.SSLContext) -> Self:
        """Ask for TLS, and begin it."""
        assert self.command(self.starttls)[-1].startswith(self.plain_end)
        self.wrap(context)
        return self

    def send(self, text: str | bytes) -> None:
        """Send a line."""
        data = text if isinstance(text, bytes) else text.encode()
        self.sent.append(data)
        self.socket.sendall(data + b"\r\n")

    def read(self) -> str:
        """Return a line; empty if the server is gone."""
        line = self.file.readline().decode(errors="replace").rstrip("\r\n")
        self.came.append(line)
        return line

    def command(self, text: str) -> list[str]:
        """Send a command, and return the lines of its reply."""
        raise NotImplementedError

    def finish(self) -> str:
        """Return the last line of a reply that is under way."""
        raise NotImplementedError

    def challenge(self) -> str:
        """Return the base64 of a challenge, or the last line if it is none."""
        raise NotImplementedError

    def begin_login(self, mechanism: str, initial: str | None = None) -> str:
        """Send the command that logs in; return as `challenge` does."""
        raise NotImplementedError

    def password(self, name: str, password: str) -> str:
        """Log in without SASL; return the last line."""
        raise NotImplementedError

    def mechanisms(self) -> set[str]:
        """Return what is offered."""
        raise NotImplementedError

    def log_in(self, mechanism: str, client: Client, *, initially: bool = True) -> str:
        """Let a client's side of a mechanism run; return the last line."""
        response = next(client)
        initial = None
        if response is not None and initially:
            initial = b64encode(response).decode() or "="
            response = None
        reply = self.begin_login(mechanism, initial)
        while reply.startswith("+ ") or reply == "+":
            if response is None:
                response = client.send(b64decode(reply[2:]))
            assert response is not None
            self.send(b64encode(response))
            response = None
            reply = self.challenge()
        return reply


class Imap(Talk):
    """RFC 9051."""

    plain_end = "a OK"
    starttls = "STARTTLS"

    def command(self, text: str) -> list[str]:
        self.send(f"a {text}")
        lines = [self.read()]
        while lines[-1].startswith("* "):
            lines.append(self.read())
        return lines

    def challenge(self) -> str:
        while (reply := self.read()).startswith("* "):
            pass
        return reply

    def begin_login(self, mechanism: str, initial: str | None = None) -> str:
        self.send(" ".join(["a AUTHENTICATE", mechanism, *([initial] if initial else [])]))
        return self.challenge()

    def password(self, name: str, password: str) -> str:
        return self.command(f'LOGIN "{name}" "{password}"')[-1]

    def capabilities(self) -> list[str]:
        return self.command("CAPABILITY")[0].split()[2:]

    def mechanisms(self) -> set[str]:
        return {each[5:] for each in self.capabilities() if each.startswith("AUTH=")}


class Pop3(Talk):
    """RFC 1939, RFC 5034."""

    plain_end = "+OK"
    starttls = "STLS"

    def command(self, text: str) -> list[str]:
        self.send(text)
        lines = [self.read()]
        if text in {"CAPA", "AUTH"} and lines[0].startswith("+OK"):
            while lines[-1] != ".":
                lines.append(self.read())
        return lines

    def challenge(self) -> str:
        return self.read()

    def begin_login(self, mechanism: str, initial: str | None = None) -> str:
        self.send(" ".join(["AUTH", mechanism, *([initial] if initial else [])]))
        return self.challenge()

    def password(self, name: str, password: str) -> str:
        reply = self.command(f"USER {name}")[-1]
        return self.command(f"PASS {password}")[-1] if reply.startswith("+OK") else reply

    def mechanisms(self) -> set[str]:
        lines = [each for each in self.command("CAPA") if each.startswith("SASL ")]
        return set(lines[0].split()[1:]) if lines else set()


class Smtp(Talk):
    """RFC 5321, RFC 4954."""

    plain_end = "220"
    starttls = "STARTTLS"

    def command(self, text: str) -> list[str]:
        self.send(text)
        lines = [self.read()]
        while lines[-1][3:4] == "-":
            lines.append(self.read())
        return lines

    def challenge(self) -> str:
        reply = self.read()
        return f"+ {reply[4:]}" if reply.startswith("334") else reply

    def begin_login(self, mechanism: str, initial: str | None = None) -> str:
        self.command("EHLO me")
        self.send(" ".join(["AUTH", mechanism, *([initial] if initial else [])]))
        return self.challenge()

    def password(self, name: str, password: str) -> str:
        initial = b64encode(f"\0{name}\0{password}".encode()).decode()
        return self.begin_login("PLAIN", initial)

    def mechanisms(self) -> set[str]:
        lines = [each for each in self.command("EHLO me") if each[4:].startswith("AUTH ")]
        return set(lines[0].split()[1:]) if lines else set()
