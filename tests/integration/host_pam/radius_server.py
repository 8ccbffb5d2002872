"""A RADIUS server for tests: passwords, and one challenge (RFC 2865)."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SECRET = b"testing123"
ACCEPT, REJECT, CHALLENGE = 2, 3, 11
USER_NAME, USER_PASSWORD, REPLY_MESSAGE, STATE = 1, 2, 18, 24


class RadiusServer:
    """Knows passwords; who is in `codes` is then asked for a code."""

    def __init__(self, passwords: dict[str, str], codes: dict[str, str]) -> None:
        self.asked: list[str] = []
        self._passwords = passwords
        self._codes = codes
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", self.port))
            thread.join(10)
            self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, peer = self._socket.recvfrom(4096)
            if not packet:
                return
            self._socket.sendto(self._answer(packet), peer)

    def _answer(self, packet: bytes) -> bytes:
        _, number, length = struct.unpack("!BBH", packet[:4])
        authenticator = packet[4:20]
        given = dict(_attributes(packet[20:length]))
        user = given[USER_NAME].decode()
        password = _revealed(given[USER_PASSWORD], authenticator).decode()
        self.asked.append(user)
        code, attributes = self._decide(user, password, challenged=STATE in given)
        head = struct.pack("!BBH", code, number, 20 + len(attributes))
        digest = hashlib.md5(head + authenticator + attributes + SECRET).digest()
        return head + digest + attributes

    def _decide(self, user: str, password: str, *, challenged: bool) -> tuple[int, bytes]:
        if challenged:
            return (ACCEPT if password == self._codes.get(user) else REJECT), b""
        if password != self._passwords.get(user):
            return REJECT, b""
        if user in self._codes:
            return CHALLENGE, _attribute(REPLY_MESSAGE, b"Code: ") + _attribute(STATE, b"state")
        return ACCEPT, b""


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes([kind, len(value) + 2]) + value


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        yield data[0], data[2 : data[1]]
        data = data[data[1] :]


def _revealed(hidden: bytes, authenticator: bytes) -> bytes:
    """RFC 2865, section 5.2."""
    clear = b""
    before = authenticator
    for start in range(0, len(hidden), 16):
        block = hidden[start : start + 16]
        mask = hashlib.md5(SECRET + before).digest()
        clear += bytes(one ^ other for one, other in zip(block, mask, strict=True))
        before = block
    return clear.rstrip(b"\0")
