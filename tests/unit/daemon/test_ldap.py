"""LDAP through the daemon: what is given up, what is limited, what is left of a client."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.machine import patience
from tests.unit.adapters.certificates import make
from tests.unit.daemon.serving import PLAIN_SETTINGS, Client, Served, served
from tests.unit.ldap.server import codec
from tests.unit.ldap.server.driven import ANY, JOHN, SUFFIX, code, people
from ualauth.config.listen import ListenSettings
from ualauth.daemon.listener import Listener, Plan, TooManyConnections
from ualauth.daemon.protocols import ldap
from ualauth.ldap.server import controls
from ualauth.ldap.server.ber import frame
from ualauth.ldap.server.directory import Directory
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


class LdapClient:
    """A client that writes messages by another codec, and reads them one by one."""

    def __init__(self, daemon: Served, place: str) -> None:
        self.client: Client = daemon.connect(place)
        self.buffer = bytearray()

    def send(self, number: int, kind: str, value: Any) -> None:
        self.client.send(codec.encode(number, kind, value))

    def read(self) -> tuple[int, str, Any] | None:
        """Return the next message, `None` at the end."""
        while not (length := frame(self.buffer, 1 << 20)):
            try:
                data = self.client.socket.recv(65536)
            except ConnectionResetError:
                # The end, too, where the daemon had not read all.
                return None
            if not data:
                return None
            self.buffer += data
        message = codec.decode(bytes(self.buffer[:length]))
        del self.buffer[:length]
        return message[:3]

    def log_in(self) -> None:
        value = {"version": 3, "name": b"jsmith", "authentication": ("simple", b"secret")}
        self.send(1, "bindRequest", value)
        message = self.read()
        assert message is not None
        assert code(message[2]) == 0

    def who_am_i(self, number: int) -> tuple[int, str, Any] | None:
        self.send(number, "extendedReq", {"requestName": controls.WHO_AM_I.encode()})
        return self.read()


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    folder = ConfigFolder(tmp_path)
    folder.service("omslapdeng", "auth required om_auth\naccount required om_auth\n")
    return folder


def settings(folder: ConfigFolder, more: str = "", place: str = "") -> str:
    """Write the settings, and return the place of the socket."""
    own = place or f"{folder.path}/l"
    key = "address" if place else "path"
    folder.settings(
        f'{PLAIN_SETTINGS}\n[ldap_server]\nsuffix = "{SUFFIX}"\n[[listen]]\nprotocol = "ldap"\n'
        f'{key} = "{own}"\n{more}\n'
    )
    return own


def wait_until_left(daemon: Served) -> None:
    """Wait until no client is connected."""
    until = time.monotonic() + patience(30)
    while daemon.call(lambda: daemon.daemon.connections):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("ends", ["abandon", "unbind", "close"])
def test_what_is_given_up_is_not_answered(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    search = Directory.search

    def slow(directory: Directory, *arguments: Any) -> Any:
        begun.set()
        assert goes_on.wait(patience(60))
        return search(directory, *arguments)

    monkeypatch.setattr(Directory, "search", slow)
    place = settings(folder)
    with closing(Userlist.create(folder.path)) as userlist:
        people(userlist)
        with served(folder) as daemon:
            client = LdapClient(daemon, place)
            client.log_in()
            client.send(2, "searchRequest", codec.search(ANY))
            assert begun.wait(patience(60))
            if ends == "abandon":
                client.send(3, "abandonRequest", 2)
                answer = client.who_am_i(4)
                assert answer is not None
                assert answer[0] == 4
                assert answer[2]["responseValue"] == f"dn:{JOHN}".encode()
            elif ends == "unbind":
                client.send(3, "unbindRequest", None)
                assert client.read() is None
            else:
                client.client.close()
                wait_until_left(daemon)
            goes_on.set()
            if ends == "abandon":
                answer = client.who_am_i(5)
                assert answer is not None
                assert answer[0] == 5
            client.client.close()
            wait_until_left(daemon)


@pytest.mark.parametrize("logs_in", [True, False])
def test_a_client_that_asks_for_nothing_is_sent_away(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch, logs_in: bool
) -> None:
    monkeypatch.setattr(ldap, "_IDLE" if logs_in else "_IDLE_ANONYMOUS", 0.01)
    place = settings(folder)
    with closing(Userlist.create(folder.path)) as userlist:
        people(userlist)
        with served(folder) as daemon:
            client = LdapClient(daemon, place)
            if logs_in:
                client.log_in()
            else:
                # A part of a message is no request; it may be too late already.
                with suppress(OSError):
                    client.client.send(b"\x30")
            message = client.read()
            assert message is not None
            number, kind, value = message
            assert (number, kind, code(value)) == (0, "extendedResp", 52)
            assert client.read() is None
            client.client.close()


@pytest.mark.parametrize("way", ["reset", "nonsense", "close"])
def test_a_client_that_leaves_within_a_handshake_leaves_nothing(
    folder: ConfigFolder, tmp_path: Path, way: str
) -> None:
    certificates = make(tmp_path)
    file = f'"{certificates.server}"'
    more = f"starttls = true\ncertificate = {file}\nkey = {file}\n"
    place = settings(folder, more, "127.0.0.1:0")
    with closing(Userlist.create(folder.path)), served(folder) as daemon:
        for _ in range(3):
            client = LdapClient(daemon, place)
            client.send(1, "extendedReq", {"requestName": controls.START_TLS.encode()})
            message = client.read()
            assert message is not None
            assert code(message[2]) == 0
            plain = client.client.socket
            if way == "nonsense":
                plain.sendall(b"no handshake at all" * 10)
            if way == "reset":
                plain.sendall(b"\x16\x03\x01")
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.client.close()
        wait_until_left(daemon)


class Transport:
    """What a listener asks of a connection."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get_extra_info(self, name: str) -> Any:
        return (self.address, 4711) if name == "peername" else None


def test_a_client_of_the_network_has_so_many_connections(tmp_path: Path) -> None:
    listen = ListenSettings("ldap", address="127.0.0.1:0", own={"connections": 2})
    with socket.socket() as unused:
        listener = Listener(Plan(listen, str(tmp_path)), unused, 1, lambda: b"", is_own=False)

        def connect(address: str) -> Any:
            return listener._begin(Transport(address), 1)  # type: ignore[arg-type]

        first = connect("192.0.2.1")
        connect("192.0.2.1")
        connect("192.0.2.2")
        with pytest.raises(TooManyConnections):
            connect("192.0.2.1")
        first.endpoint.left()
        connect("192.0.2.1")
        with pytest.raises(TooManyConnections):
            connect("192.0.2.1")
        # The hosts of one network of IPv6 are one client.
        connect("2001:db8::1")
        connect("2001:db8::2")
        with pytest.raises(TooManyConnections):
            connect("2001:db8::3")
        for _ in range(5):
            connect("127.0.0.1")
            connect("::1")


def test_connections_are_one_at_least(folder: ConfigFolder) -> None:
    listen = ListenSettings("ldap", path="/x", own={"connections": 0})
    with pytest.raises(Exception, match="connections must be 1 or more"):
        Plan(listen, str(folder.path))
