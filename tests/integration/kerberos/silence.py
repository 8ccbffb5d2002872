"""Servers that take everything and say nothing: what a firewall or a full disk makes of a KDC."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from tests.kerberos import Realm


class Silent:
    """A port of loopback, for UDP and TCP; what was sent there can be counted."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(self._tcp.getsockname())
        self._udp.setblocking(False)
        self.port: int = self._tcp.getsockname()[1]

    def take(self) -> int:
        """Return how many datagrams came since."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._udp.recv(65536)
                count += 1
        return count

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()


@contextlib.contextmanager
def silent_servers(count: int) -> Iterator[list[Silent]]:
    """Run so many of them."""
    servers = [Silent() for _ in range(count)]
    try:
        yield servers
    finally:
        for each in servers:
            each.close()


def conf_of(kdc: Realm, name: str, kdcs: list[int], kpasswd: int | None = None) -> str:
    """Return the name of a krb5.conf of the realm with these KDCs, in this order."""
    text = kdc.conf.read_text()
    listed = "".join(f"    kdc = 127.0.0.1:{port}\n" for port in kdcs)
    text = text.replace(f"    kdc = 127.0.0.1:{kdc.port}\n", listed)
    if kpasswd is not None:
        own = f"kpasswd_server = 127.0.0.1:{kdc.kpasswd_port}"
        text = text.replace(own, f"kpasswd_server = 127.0.0.1:{kpasswd}")
    path = kdc.folder / f"{name}.conf"
    path.write_text(text)
    return str(path)
