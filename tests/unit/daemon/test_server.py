"""The daemon: its sockets, its connections, reload and stop, whatever clients do."""

from __future__ import annotations

import os
import socket
import stat
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machine import patience
from tests.unit.adapters.certificates import Certificates, make
from tests.unit.daemon.serving import PLAIN_SETTINGS, Client, Served, listen, served
from tests.unit.daemon.test_saslauthd import counted
from ualauth.config.config import Config
from ualauth.config.listen import ListenSettings
from ualauth.daemon.sockets import listening
from ualauth.daemon.systemd import Notifier, handed_over, is_for
from ualauth.errors import ConfigurationError
from ualauth.testing.folder import ConfigFolder

JANE = counted(b"jane", b"secret", b"imap", b"")
OK, NO = counted(b"OK"), counted(b"NO authentication failed")
NOT_NOW = counted(b"NO temporary authentication failure")
PLAIN = b64encode(b"\0jane\0secret")


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + patience(30)
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def says(daemon: Served, place: str, request: bytes) -> bytes:
    with daemon.connect(place) as client:
        client.send(request)
        return client.rest()


def greeted(daemon: Served, place: str, version: bytes = b"VERSION\t1\t2\n") -> Client:
    client = daemon.connect(place)
    while client.line() != b"DONE":
        pass
    client.send(version)
    return client


def test_a_socket_has_the_rights_that_it_shall_have(folder: ConfigFolder) -> None:
    path = folder.path / "saslauthd"
    more = f'mode = "0640"\nowner = "{os.getuid()}"\ngroup = "{os.getgid()}"'
    folder.settings(listen(folder.path, "saslauthd", more=more))
    with served(folder) as daemon:
        status = path.stat()
        assert stat.S_ISSOCK(status.st_mode)
        assert stat.S_IMODE(status.st_mode) == 0o640
        assert says(daemon, str(path), JANE) == OK
        folder.settings(listen(folder.path, "saslauthd", more='mode = "0600"'))
        daemon.run(daemon.daemon.reload())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_a_path_that_is_taken_is_left_alone(folder: ConfigFolder) -> None:
    path = folder.path / "saslauthd"
    folder.settings(listen(folder.path, "saslauthd"))
    path.write_text("a file")
    with pytest.raises(ConfigurationError, match="something else"), served(folder):
        pass
    assert path.read_text() == "a file"
    path.unlink()
    with served(folder) as daemon:
        with pytest.raises(ConfigurationError, match="another process listens"), served(folder):
            pass
        assert says(daemon, str(path), JANE) == OK


def test_the_path_of_a_daemon_that_was_killed_is_taken_over(folder: ConfigFolder) -> None:
    path = folder.path / "saslauthd"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    folder.settings(listen(folder.path, "saslauthd"))
    with served(folder) as daemon:
        assert says(daemon, str(path), JANE) == OK


def test_if_one_socket_cannot_be_opened_none_is(folder: ConfigFolder) -> None:
    folder.settings(listen(folder.path, "saslauthd", "dovecot-auth"))
    (folder.path / "dovecot-auth").write_text("a file")
    with pytest.raises(ConfigurationError, match="something else"), served(folder):
        pass
    assert not (folder.path / "saslauthd").exists()


def test_an_address_of_loopback(folder: ConfigFolder) -> None:
    table = '[[listen]]\nprotocol = "saslauthd"\naddress = "127.0.0.1:0"\n'
    folder.settings(PLAIN_SETTINGS + table)
    with served(folder) as daemon:
        assert says(daemon, "127.0.0.1:0", JANE) == OK


def test_an_address_with_tls(folder: ConfigFolder, tmp_path: Path) -> None:
    files = []
    for path in (tmp_path / "one", tmp_path / "two"):
        path.mkdir()
        files.append(make(path))
    table = '[[listen]]\nprotocol = "saslauthd"\naddress = "127.0.0.1:0"\n'

    def settings(certificates: Certificates) -> str:
        file = f'"{certificates.server}"'
        return f"{PLAIN_SETTINGS}{table}certificate = {file}\nkey = {file}\n"

    folder.settings(settings(files[0]))
    with served(folder) as daemon:
        for certificates in files:
            with daemon.connect("127.0.0.1:0") as client:
                context = certificates.client_context()
                client.socket = context.wrap_socket(client.socket, server_hostname="127.0.0.1")
                client.send(JANE)
                assert client.rest() == OK
            folder.settings(settings(files[1]))
            daemon.run(daemon.daemon.reload())
        # What speaks no TLS gets nothing, and hurts no other.
        with daemon.connect("127.0.0.1:0") as client:
            client.send(JANE)
            assert OK not in client.rest()
        folder.settings(PLAIN_SETTINGS + table)
        with pytest.raises(ConfigurationError, match="with or without TLS is decided at the start"):
            daemon.run(daemon.daemon.reload())


def test_without_a_socket_it_does_not_start(folder: ConfigFolder) -> None:
    told = r"names no socket; add a table \[\[listen\]\]"
    with pytest.raises(ConfigurationError, match=told), served(folder):
        pass


def test_a_reload_takes_the_new_configuration_and_keeps_connections(folder: ConfigFolder) -> None:
    place = f"{folder.path}/dovecot-auth"
    folder.settings(listen(folder.path, "dovecot-auth"))
    with served(folder) as daemon, greeted(daemon, place) as client:
        assert login(client, 1) == b"OK\t1\tuser=jane"
        waiting = b"AUTH\t2\tPLAIN\tservice=imap\tsecured\n"
        client.send(waiting)
        assert client.line() == b"CONT\t2\t"
        folder.settings(listen(folder.path, "dovecot-auth", "saslauthd").replace('"PLAIN", ', ""))
        daemon.run(daemon.daemon.reload())
        assert login(client, 3) == b"FAIL\t3\treason=This mechanism is not offered"
        # It was begun before.
        client.send(b"CONT\t2\t%b\n" % PLAIN)
        assert client.line() == b"OK\t2\tuser=jane"
        assert says(daemon, f"{folder.path}/saslauthd", JANE) == OK
        folder.settings(listen(folder.path, "dovecot-auth"))
        daemon.run(daemon.daemon.reload())
        assert not (folder.path / "saslauthd").exists()
        assert login(client, 4) == b"OK\t4\tuser=jane"


def login(client: Client, number: int, password: bytes = b"secret") -> bytes:
    resp = b64encode(b"\0jane\0" + password)
    client.send(b"AUTH\t%d\tPLAIN\tservice=imap\tsecured\tresp=%b\n" % (number, resp))
    return client.line()


@pytest.mark.parametrize(
    "broken",
    [
        "nonsense",
        "[sasl]\nmechanisms = 1\n",
        '[[listen]]\nprotocol = "saslauthd"\n',
        '[[listen]]\nprotocol = "no-such"\npath = "/x"\n',
        '[[listen]]\nprotocol = "saslauthd"\npath = "/no/such/folder/x"\n',
        '[[listen]]\nprotocol = "saslauthd"\npath = "{path}/new"\nowner = "no-such-user"\n',
    ],
)
def test_a_broken_configuration_leaves_all_as_it_was(folder: ConfigFolder, broken: str) -> None:
    place = f"{folder.path}/dovecot-auth"
    folder.settings(listen(folder.path, "dovecot-auth"))
    with served(folder) as daemon, greeted(daemon, place) as client:
        folder.settings(broken.replace("{path}", str(folder.path)))
        with pytest.raises(ConfigurationError):
            daemon.run(daemon.daemon.reload())
        assert login(client, 1) == b"OK\t1\tuser=jane"
        with greeted(daemon, place) as other:
            assert login(other, 1) == b"OK\t1\tuser=jane"
        assert not (folder.path / "new").exists()


def test_a_stop_answers_what_is_asked(folder: ConfigFolder) -> None:
    folder.settings(listen(folder.path, "dovecot-auth", "saslauthd"))
    with served(folder) as daemon:
        client = greeted(daemon, f"{folder.path}/dovecot-auth")
        client.send(b"AUTH\t1\tPLAIN\tservice=imap\tsecured\n")
        assert client.line() == b"CONT\t1\t"
        idle = daemon.connect(f"{folder.path}/saslauthd")
        begun = daemon.connect(f"{folder.path}/saslauthd")
        begun.send(JANE[:5])
        until(lambda: daemon.call(lambda: daemon.daemon.connections) == 3)
        # What was sent is read before the stop.
        assert login(client, 2) == b"OK\t2\tuser=jane"
    assert client.rest() == (b"FAIL\t1\tcode=temp_fail\treason=Temporary authentication failure\n")
    assert idle.rest() == b""
    assert begun.rest() in {NOT_NOW, b""}
    for each in (client, idle, begun):
        each.close()


def test_an_exchange_whose_client_says_no_more_is_refused(folder: ConfigFolder) -> None:
    place = f"{folder.path}/dovecot-auth"
    folder.settings(listen(folder.path, "dovecot-auth"))
    with served(folder, expires_after=0.2) as daemon, greeted(daemon, place) as client:
        client.send(b"AUTH\t1\tPLAIN\tservice=imap\tsecured\n")
        assert client.line() == b"CONT\t1\t"
        assert client.line() == b"FAIL\t1\treason=The client did not answer in time"
        # The connection does not expire.
        assert login(client, 2) == b"OK\t2\tuser=jane"
        client.send(b"CONT\t1\t%b\n" % PLAIN)
        assert client.line() == b"FAIL\t1\treason=Unexpected continuation"


def test_many_requests_at_once_are_all_answered(folder: ConfigFolder) -> None:
    place = f"{folder.path}/dovecot-auth"
    folder.settings(listen(folder.path, "dovecot-auth"))
    with served(folder) as daemon, greeted(daemon, place) as client:
        count = 1000
        lines = []
        for number in range(1, count + 1):
            word = b"wrong" if number % 3 == 0 else b"secret"
            resp = b64encode(b"\0jane\0" + word)
            lines.append(b"AUTH\t%d\tPLAIN\tservice=imap\tsecured\tresp=%b\n" % (number, resp))
        client.send(b"".join(lines))
        said = {client.line() for _ in range(count)}
    assert said == {
        b"FAIL\t%d" % number if number % 3 == 0 else b"OK\t%d\tuser=jane" % number
        for number in range(1, count + 1)
    }


def test_a_client_that_reads_nothing_hurts_no_other(folder: ConfigFolder) -> None:
    place = f"{folder.path}/dovecot-auth"
    folder.settings(listen(folder.path, "dovecot-auth"))
    with served(folder, expires_after=0.2) as daemon:
        deaf = greeted(daemon, place)
        deaf.socket.settimeout(0)
        line = b"CONT\t4294967295\tYQ==\n" * 100
        cut = False
        while not cut:
            try:
                deaf.socket.send(line)
            except BlockingIOError:
                with greeted(daemon, place) as client:
                    assert login(client, 1) == b"OK\t1\tuser=jane"
            except OSError:
                cut = True
        deaf.close()
        until(lambda: daemon.call(lambda: daemon.daemon.connections) == 0)


def test_clients_that_go_away_leave_nothing(folder: ConfigFolder) -> None:
    place = f"{folder.path}/dovecot-auth"
    folder.settings(listen(folder.path, "dovecot-auth"))
    with served(folder) as daemon:
        for sent in (b"", b"VERSION", b"AUTH\t1\tPLAIN\tservice=imap\tresp=" + PLAIN + b"\n"):
            client = daemon.connect(place)
            client.send(sent)
            client.close()
        with greeted(daemon, place) as client:
            client.send(b"AUTH\t1\tPLAIN\tservice=imap\tsecured\n")
        until(lambda: daemon.call(lambda: daemon.daemon.connections) == 0)
        with greeted(daemon, place) as client:
            assert login(client, 1) == b"OK\t1\tuser=jane"


def test_an_outage_is_a_cut_for_postfix_and_a_code_for_dovecot(folder: ConfigFolder) -> None:
    place = f"{folder.path}/dovecot-auth"
    folder.settings(listen(folder.path, "dovecot-auth"))
    request = b"AUTH\t1\tPLAIN\tservice=outage\tsecured\tresp=%b\n" % PLAIN
    with served(folder) as daemon:
        for version in (b"VERSION\t1\t0\n", b"VERSION\t1\t1\n"):
            with greeted(daemon, place, version) as client:
                client.send(request)
                assert client.rest() == b""
        with greeted(daemon, place) as client:
            client.send(request)
            assert client.line().startswith(b"FAIL\t1\tcode=temp_fail")


def test_sockets_of_systemd_are_taken_and_left(folder: ConfigFolder) -> None:
    path = folder.path / "saslauthd"
    given = listening(ListenSettings(protocol="saslauthd", path=str(path)))
    folder.settings(listen(folder.path, "saslauthd"))
    # A client that came before the daemon.
    with Client(str(path)) as early:
        early.send(JANE)
        with served(folder, inherited=[given.dup()]) as daemon:
            assert early.rest() == OK
            path.chmod(0o606)
            daemon.run(daemon.daemon.reload())
            assert stat.S_IMODE(path.stat().st_mode) == 0o606
            assert says(daemon, str(path), JANE) == OK
        assert path.exists()
    given.close()


def test_what_systemd_hands_over_is_for_this_process_alone() -> None:
    environment = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    assert handed_over(environment) == []
    assert environment == {}
    assert handed_over({}) == []
    with listening(ListenSettings(address="127.0.0.1:0")) as listener:
        port = listener.getsockname()[1]
        assert is_for(listener, ListenSettings(address=f"127.0.0.1:{port}"))
        assert not is_for(listener, ListenSettings(address=f"[::1]:{port}"))
        assert not is_for(listener, ListenSettings(path="/x"))


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_how_it_goes(tmp_path: Path, abstract: bool) -> None:
    name = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}" if abstract else name)
        environment = {
            "NOTIFY_SOCKET": f"@{name}" if abstract else name,
            "WATCHDOG_USEC": "3000000",
        }
        notifier = Notifier(environment)
        assert environment == {}
        assert notifier.watchdog_interval == 1.5
        for tell in (notifier.ready, notifier.stopping, notifier.watchdog, notifier.reloading):
            tell()
        notifier.status("all is well")
        told = [heard.recv(4096) for _ in range(5)]
    assert told[:3] == [b"READY=1", b"STOPPING=1", b"WATCHDOG=1"]
    assert told[3].startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert told[4] == b"STATUS=all is well"
    Notifier({"NOTIFY_SOCKET": f"{name}/none"}).ready()
    assert Notifier({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}).watchdog_interval == 0.0


def test_the_settings_are_read_by_the_library_too(folder: ConfigFolder) -> None:
    folder.settings(listen(folder.path, "saslauthd"))
    assert Config.load(folder.path).listen[0].place == f"{folder.path}/saslauthd"
