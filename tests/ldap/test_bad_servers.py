"""Whatever a server does, no user is let in who should not be, and no login waits for ever."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.bad_server import BadServer, Request, answer, well
from tests.ldap.conftest import Client
from tests.ldap.slapd import Slapd, running
from tests.machine import patience
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.faults import (
    DirectoryFault,
    Lost,
    ProtocolFault,
    TimedOut,
    TlsFault,
    Unanswered,
    Unreachable,
)
from ualauth.ldap.client.settings import Library, Tls
from ualauth.ldap.client.values import Kind, Scope, Search

Behaviour = Callable[[socket.socket, Request], None]
QUICK: dict[str, Any] = dict.fromkeys(
    ("connect_timeout", "bind_timeout", "search_timeout"), patience(0.4)
)
PATIENCE = patience(5.0)
"""Seconds, on a machine that is busy, after which something counts as waiting for ever."""


def _refuses(client: Client, *kinds: type[DirectoryFault]) -> DirectoryFault:
    """Return the fault of a bind, which comes soon."""
    started = time.monotonic()
    with pytest.raises(kinds or DirectoryFault) as caught:
        client.bind(people.JOHN)
    assert time.monotonic() - started < PATIENCE
    assert people.JOHN.password not in f"{caught.value!r} {caught.value}"
    return caught.value


def _silent(_: socket.socket, __: Request) -> None:
    """Never answer."""


def _garbage(connection: socket.socket, _: Request) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>" + b"x" * 500)


def _half(connection: socket.socket, request: Request) -> None:
    connection.sendall(answer(request.number, 0x61)[:-3])
    connection.shutdown(socket.SHUT_RDWR)


def _closes(connection: socket.socket, _: Request) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _other_number(connection: socket.socket, request: Request) -> None:
    connection.sendall(answer(request.number + 1, 0x61))


def _other_kind(tag: int) -> Callable[[socket.socket, Request], None]:
    return lambda connection, request: connection.sendall(answer(request.number, tag))


def _farewell(connection: socket.socket, _: Request) -> None:
    # RFC 4511, section 4.4.1
    name = b"1.3.6.1.4.1.1466.20036"
    result = bytes([0x0A, 1, 52, 0x04, 0, 0x04, 0, 0x8A, len(name)]) + name
    body = bytes([0x02, 1, 0, 0x78, len(result)]) + result
    connection.sendall(bytes([0x30, len(body)]) + body)
    connection.shutdown(socket.SHUT_RDWR)


def _endless(connection: socket.socket, _: Request) -> None:
    # A message of 2 GB, as long as a client listens.
    connection.sendall(bytes.fromhex("30847fffffff"))
    while True:
        connection.sendall(b"\x04" * 65536)


_MISBEHAVIOURS: dict[str, tuple[Behaviour, *tuple[type[DirectoryFault], ...]]] = {
    "never answers": (_silent, TimedOut),
    "answers garbage": (_garbage, ProtocolFault, Lost, TimedOut),
    "closes in the middle": (_half, Lost),
    "closes at once": (_closes, Lost),
    "answers another message": (_other_number, ProtocolFault, TimedOut),
    "answers with the result of a search": (_other_kind(0x65), ProtocolFault),
    "answers with the result of an operation": (_other_kind(0x78), ProtocolFault),
    "answers with a request": (_other_kind(0x60), ProtocolFault, Lost, TimedOut),
    "says goodbye": (_farewell, Lost),
    "never ends": (_endless, ProtocolFault),
}


@pytest.mark.parametrize("name", _MISBEHAVIOURS)
def test_a_server_that(connect: Callable[..., Client], name: str) -> None:
    behaviour, *kinds = _MISBEHAVIOURS[name]
    with BadServer(behaviour) as server:
        client = connect(server.uri, login=None, tls=Tls.OFF, reply_limit=1_000_000, **QUICK)
        _refuses(client, *kinds)


@pytest.mark.parametrize("name", _MISBEHAVIOURS)
def test_over_tls_a_server_that(
    connect: Callable[..., Client], authority: Authority, name: str
) -> None:
    behaviour, *kinds = _MISBEHAVIOURS[name]
    with BadServer(behaviour, _context(authority)) as server:
        client = connect(server.uri, login=None, reply_limit=1_000_000, **QUICK)
        _refuses(client, *kinds)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
@pytest.mark.parametrize("tls", list(Tls))
def test_a_server_that_takes_connections_only(
    connect: Callable[..., Client], scheme: str, tls: Tls
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        _refuses(connect(uri, tls=tls, **QUICK), TimedOut)


def test_a_server_that_sends_its_part_of_tls_octet_by_octet(
    connect: Callable[..., Client],
) -> None:
    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"\x16\x03\x03\x40\x00")
            for _ in range(int(patience(40))):
                if ended.wait(0.1):
                    return
                connection.sendall(b"\x02")

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        client = connect(f"ldaps://127.0.0.1:{listener.getsockname()[1]}", **QUICK)
        started = time.monotonic()
        _refuses(client, TimedOut)
        assert time.monotonic() - started < patience(2)
        ended.set()
        thread.join()


def test_a_server_that_answers_octet_by_octet(connect: Callable[..., Client]) -> None:
    def drip(connection: socket.socket, request: Request) -> None:
        for octet in answer(request.number, 0x61):
            if server.wait(patience(0.1)):
                return
            connection.sendall(bytes([octet]))

    with BadServer(drip) as server:
        _refuses(connect(server.uri, login=None, tls=Tls.OFF, **QUICK), TimedOut)


def test_no_server_is_there(connect: Callable[..., Client]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for scheme in ("ldap", "ldaps"):
            fault = _refuses(connect(f"{scheme}://127.0.0.1:{port}", **QUICK), Unreachable)
            assert str(port) in str(fault)
    _refuses(connect("ldapi://%2Fnowhere%2Fsocket", **QUICK), Unreachable)
    _refuses(connect("ldap://nowhere.invalid", **QUICK), Unreachable, TimedOut)


# Encryption


def _context(authority: Authority) -> ssl.SSLContext:
    certificate, key = authority.issue("127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture(scope="module")
def certificates(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return certificates that do not hold, by what is wrong with them."""
    other = Authority(tmp_path_factory.mktemp("other"), "Another authority")
    return {
        "another name": authority.issue("elsewhere.example"),
        "expired": authority.issue("127.0.0.1", days=-3),
        "another authority": other.issue("127.0.0.1"),
    }


REASONS = {
    "another name": "IP address mismatch",
    "expired": "certificate has expired",
    "another authority": "unable to get local issuer certificate",
}


@pytest.fixture(scope="module", params=REASONS)
def impostor(
    request: pytest.FixtureRequest, authority: Authority, certificates: dict[str, Any]
) -> Any:
    """Return a real server with such a certificate, and why it is not accepted."""
    with running(authority, certificates[request.param]) as server:
        yield server, REASONS[request.param]


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_cannot_show_who_it_is(
    connect: Callable[..., Client], impostor: tuple[Slapd, str], scheme: str
) -> None:
    server, reason = impostor
    uri = server.uri if scheme == "ldap" else server.tls_uri
    fault = _refuses(connect(uri, login=None), TlsFault)
    assert f"{uri}: certificate not accepted: " in str(fault)
    assert reason in str(fault)
    # It is up to the administrator.
    assert connect(uri, verify=False).bind(people.JOHN).ok


def test_libldap_takes_localhost_for_the_name_of_the_host(
    connect: Callable[..., Client], slapd: Slapd, library: Library
) -> None:
    for uri in (slapd.uri, slapd.tls_uri):
        client = connect(uri.replace("127.0.0.1", "localhost"), login=None)
        if library is Library.LDAP3:
            assert client.bind(people.JOHN).ok
        else:
            assert "this host's own name" in str(_refuses(client, TlsFault))


@pytest.mark.parametrize("given", [False, True], ids=["none", "of another authority"])
def test_a_certificate_of_ours_that_a_server_does_not_take_is_the_reason(
    connect: Callable[..., Client], authority: Authority, certificates: dict[str, Any], given: bool
) -> None:
    certificate, key = certificates["another authority"]
    own = {"certificate_file": str(certificate), "key_file": str(key)} if given else {}
    with running(authority, before="TLSVerifyClient demand") as server:
        fault = _refuses(connect(server.tls_uri, login=None, **own), TlsFault, Lost)
        if not given and isinstance(fault, TlsFault):
            assert "does it want a certificate of ours (tls_cert)?" in str(fault)


def test_a_port_of_another_protocol_is_the_reason(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    uri = slapd.tls_uri.replace(str(slapd.tls_port), str(slapd.port))
    fault = _refuses(connect(uri, login=None, **QUICK), TlsFault, TimedOut)
    assert "TLS does not come about" in str(fault)


def test_no_password_is_sent_to_a_server_without_tls(connect: Callable[..., Client]) -> None:
    def refuse(connection: socket.socket, request: Request) -> None:
        # protocolError: OpenLDAP's answer without TLS
        connection.sendall(answer(request.number, 0x78, 2))

    with BadServer(well, on_start_tls=refuse) as server:
        client = connect(server.uri, **QUICK)
        _refuses(client, TlsFault)
        _refuses(client, TlsFault)
        assert server.connections >= 2
        assert server.binds == 0


@pytest.mark.parametrize("behaviour", [_silent, well, _closes, _garbage])
def test_no_password_is_sent_to_a_server_that_does_not_begin_tls(
    connect: Callable[..., Client], behaviour: Any
) -> None:
    with BadServer(well, on_start_tls=behaviour) as server:
        _refuses(connect(server.uri, login=people.READER, **QUICK))
        assert server.binds == 0


def test_no_password_is_sent_to_a_server_that_speaks_no_tls(
    connect: Callable[..., Client],
) -> None:
    with BadServer(well) as server:
        uri = server.uri.replace("ldap://", "ldaps://")
        _refuses(connect(uri, **QUICK), TlsFault, TimedOut)
        assert server.binds == 0


# Result codes


@pytest.mark.parametrize("code", [1, 2, 3, 7, 8, 10, 11, 12, 13, 14, 51, 52, 54, 80, 118, 123])
def test_a_code_that_says_nothing_about_the_password_is_no_answer(
    connect: Callable[..., Client], code: int
) -> None:
    def answers(connection: socket.socket, request: Request) -> None:
        connection.sendall(answer(request.number, 0x61, code))

    with BadServer(answers) as server:
        fault = _refuses(connect(server.uri, login=None, tls=Tls.OFF), Unanswered)
        assert isinstance(fault, Unanswered)
        assert fault.code == code
        # A referral is an answer, too: it is not followed.
        assert server.connections == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0, Kind.OK),
        (19, Kind.REFUSED),
        (32, Kind.NO_SUCH_OBJECT),
        (34, Kind.NO_SUCH_OBJECT),
        (48, Kind.WRONG_PASSWORD),
        (49, Kind.WRONG_PASSWORD),
        (50, Kind.REFUSED),
        (53, Kind.REFUSED),
    ],
)
def test_a_code_is_an_answer(connect: Callable[..., Client], code: int, kind: Kind) -> None:
    def answers(connection: socket.socket, request: Request) -> None:
        connection.sendall(answer(request.number, 0x61, code))

    with BadServer(answers) as server:
        client = connect(server.uri, login=None, tls=Tls.OFF)
        assert [client.bind(people.JOHN).kind for _ in range(3)] == [kind] * 3
        # Asked three times on one connection: no answer is asked for twice.
        assert (server.binds, server.connections) == (3, 1)


# Size


def test_an_entry_of_a_hundred_megabytes_is_not_taken(
    connect: Callable[..., Client], authority: Authority
) -> None:
    huge = bytes.fromhex("308405f5e100020102648405f5e0f8") + b"\x04\x00"

    def on_search(connection: socket.socket, request: Request) -> None:
        if wanted.is_set():
            connection.sendall(huge)
            while True:
                connection.sendall(bytes(65536))
        well(connection, request)

    wanted = threading.Event()
    with BadServer(well) as server:
        server._behaviours[0x63] = on_search
        client = connect(server.uri, login=None, tls=Tls.OFF, reply_limit=2_000_000)
        client.bind(people.JOHN)
        client.search(Search("", Scope.BASE, "(objectClass=*)", [], 1))
        wanted.set()
        tracemalloc.start()
        with pytest.raises(ProtocolFault, match="more than 2000000 bytes"):
            client.search(Search("", Scope.BASE, "(objectClass=*)", [], 1))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000


def test_a_connection_with_an_open_question_is_not_used_again(
    connect: Callable[..., Client],
) -> None:
    asked = []

    def late(connection: socket.socket, request: Request) -> None:
        asked.append(request.number)
        if len(asked) == 1:
            server.wait(patience(0.6))
        connection.sendall(answer(request.number, 0x61, 0 if len(asked) == 1 else 49))

    async def ask_in_a_session() -> None:
        async with client.directory.session(BLOCKING, people.JOHN):
            pass

    with BadServer(late) as server:
        client = connect(server.uri, login=None, tls=Tls.OFF, **QUICK)
        with pytest.raises(TimedOut):
            run_blocking(ask_in_a_session())
        # The late yes to the first is none to the second.
        assert client.bind(people.JOHN).kind is Kind.WRONG_PASSWORD


# Injection before TLS (as in CVE-2021-33515 and its like for mail)


def test_what_came_before_tls_is_no_answer_after_it(
    connect: Callable[..., Client], authority: Authority
) -> None:
    def inject(connection: socket.socket, request: Request) -> None:
        forged = [answer(request.number + each, 0x61) for each in (1, 2, 3)]
        connection.sendall(answer(request.number, 0x78) + b"".join(forged))
        with context.wrap_socket(connection, server_side=True) as encrypted:
            while data := encrypted.recv(10_000):
                asked = Request(data)
                encrypted.sendall(answer(asked.number, 0x61, 49))

    context = _context(authority)
    with BadServer(well, on_start_tls=inject) as server:
        client = connect(server.uri, login=None, **QUICK)
        try:
            assert client.bind(people.JOHN).kind is Kind.WRONG_PASSWORD
        except DirectoryFault as fault:
            assert not isinstance(fault, Unanswered)  # noqa: PT017 - either will do


def test_whom_to_trust_may_be_a_folder(
    connect: Callable[..., Client], authority: Authority, slapd: Slapd, tmp_path: Path
) -> None:
    shutil.copy(authority.file, tmp_path / "authority.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True)
    for uri in (slapd.uri, slapd.tls_uri):
        client = connect(uri, ca_file="", ca_folder=str(tmp_path))
        assert client.bind(people.JOHN).ok
        # Without either, it is whom the host trusts: not this one.
        _refuses(connect(uri, ca_file=""), TlsFault)


def test_certificates_that_cannot_be_read_are_said_so(
    connect: Callable[..., Client], slapd: Slapd, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("")
    for options in (
        {"ca_file": "/nowhere.pem"},
        {"ca_file": str(tmp_path / "empty.pem")},
        {"certificate_file": "/nowhere.pem"},
    ):
        _refuses(connect(slapd.uri, **options), TlsFault)
