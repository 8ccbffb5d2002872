"""The client of `serve`: one program that asks any server on a socket of Dovecot's auth.

usage: python -m tests.benchmarks.serve_client PATH CONNECTIONS DEPTH LOGINS

It logs in as one user again and again, `DEPTH` requests on their way on each connection, and
prints how many seconds that took. A request goes out for each answer that has come.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from base64 import b64encode

USER, PASSWORD = "jsmith", "s3cret"
_RESPONSE = b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
_REST = f"\tPLAIN\tservice=imap\tsecured\trip=192.0.2.7\tresp={_RESPONSE}\n".encode()


class Connection:
    """One connection, greeted."""

    def __init__(self, path: str) -> None:
        """Connect."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.sendall(f"VERSION\t1\t1\nCPID\t{os.getpid()}\n".encode())
        data = b""
        while not data.endswith(b"\nDONE\n"):
            part = self.socket.recv(4096)
            if not part:
                raise RuntimeError("the server does not greet")
            data += part
        self._next = 0

    def send(self, number: int) -> None:
        """Send some requests at once."""
        first, self._next = self._next + 1, self._next + number
        lines = [b"AUTH\t%d%b" % (each, _REST) for each in range(first, self._next + 1)]
        self.socket.sendall(b"".join(lines))

    def answers(self) -> int:
        """Return how many answers have come; all of them are yes."""
        data = self.socket.recv(65_536)
        while not data.endswith(b"\n"):
            part = self.socket.recv(65_536)
            if not part:
                raise RuntimeError("the server has closed the connection")
            data += part
        number = data.count(b"\n")
        if data.count(b"OK\t") != number:
            raise RuntimeError(f"a login was refused: {data[:200]!r}")
        return number


def run(path: str, connections: int, depth: int, logins: int) -> float:
    """Return the seconds that so many logins take."""
    clients = [Connection(path) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        for each in clients:
            selector.register(each.socket, selectors.EVENT_READ, each)
        begun = time.perf_counter()
        unsent = logins
        for each in clients:
            each.send(depth)
            unsent -= depth
        unanswered = logins
        while unanswered > 0:
            for key, _ in selector.select():
                number = key.data.answers()
                unanswered -= number
                more = min(number, max(0, unsent))
                if more:
                    unsent -= more
                    key.data.send(more)
        seconds = time.perf_counter() - begun
    for each in clients:
        each.socket.close()
    return seconds


def main() -> None:
    """Run once, and print the seconds."""
    path, *numbers = sys.argv[1:]
    connections, depth, logins = map(int, numbers)
    run(path, connections, depth, connections * depth)
    sys.stdout.write(f"{run(path, connections, depth, logins)}\n")


if __name__ == "__main__":
    main()
