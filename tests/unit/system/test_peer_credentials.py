"""`peer_uid`, of real sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from pathlib import Path

import pytest

from ualauth import PeerUnknown, peer_uid
from ualauth.errors import UalauthError


def test_a_pair_of_sockets_has_the_uid_of_the_process_that_made_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_uid(ours) == peer_uid(theirs) == os.geteuid()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_an_accepted_connection_has_the_uid_of_the_process_that_connected(
    tmp_path: Path, kind: socket.SocketKind
) -> None:
    with (
        socket.socket(socket.AF_UNIX, kind) as server,
        socket.socket(socket.AF_UNIX, kind) as client,
    ):
        server.bind(str(tmp_path / "socket"))
        server.listen()
        client.connect(str(tmp_path / "socket"))
        connection, _ = server.accept()
        with connection:
            assert peer_uid(connection) == os.geteuid()


def test_a_connection_of_asyncio_can_be_asked(tmp_path: Path) -> None:
    async def main() -> list[int]:
        uids: list[int] = []
        done = asyncio.Event()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            uids.append(peer_uid(writer.get_extra_info("socket")))
            writer.close()
            done.set()

        async with await asyncio.start_unix_server(serve, tmp_path / "socket"):
            _, writer = await asyncio.open_unix_connection(tmp_path / "socket")
            await asyncio.wait_for(done.wait(), 10)
            writer.close()
            await writer.wait_closed()
        return uids

    assert asyncio.run(main()) == [os.geteuid()]


def test_a_listening_socket_is_not_taken_for_a_peer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        with pytest.raises(PeerUnknown, match="ask what accept\\(\\) returned"):
            peer_uid(server)


def test_a_socket_without_a_peer_has_no_uid(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as alone,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as letters,
    ):
        for each in (alone, letters):
            with pytest.raises(PeerUnknown, match="not connected"):
                peer_uid(each)


def test_a_network_socket_knows_no_uid() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname(), timeout=10)
        with client, pytest.raises(PeerUnknown, match="only a UNIX socket"):
            peer_uid(client)
        with pytest.raises(PeerUnknown, match="only a UNIX socket"):
            peer_uid(server)


def test_a_closed_socket_cannot_be_asked() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()
    with pytest.raises(PeerUnknown, match="cannot be asked"):
        peer_uid(ours)


def test_other_systems_are_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(sys, "platform", "openbsd7")
    with ours, theirs, pytest.raises(PeerUnknown, match="on Linux only, and this is openbsd7"):
        peer_uid(ours)


def test_the_structure_is_the_kernels() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        credentials = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 64)
        assert struct.unpack("iII", credentials) == (os.getpid(), os.geteuid(), os.getegid())


def test_it_is_an_error_of_the_library() -> None:
    assert issubclass(PeerUnknown, UalauthError)
