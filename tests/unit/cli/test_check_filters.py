"""`ualauth check` tries the milters and the virus scanners."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Program
from ualauth.milter import messages as m
from ualauth.milter.codec import encode
from ualauth.milter.flags import Actions, Steps
from ualauth.virus.scanning import EICAR

SERVICE = "auth required pam_deny\naccount required pam_deny\n"
SOUND = "1 service, no problems\n"


@pytest.fixture
def path() -> Iterator[Path]:
    """Return a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="filter", dir="/tmp") as folder:
        yield Path(folder) / "s"


@contextlib.contextmanager
def answering(path: Path, end: bytes, answer: Callable[[bytes], bytes]) -> Iterator[None]:
    """Answer each client, once it has said what ends with `end`."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            said = b""
            while not said.endswith(end) and (more := self.request.recv(65536)):
                said += more
            self.request.sendall(answer(said))

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def milter(path: Path, wants: m.Reply) -> Any:
    offer = encode(m.Negotiate(6, Actions.ALL, Steps.ALL))
    return answering(path, offer, lambda _: encode(wants))


def clamd(path: Path, of_clean: bytes, of_infected: bytes) -> Any:
    def answer(said: bytes) -> bytes:
        return of_infected if EICAR in said else of_clean

    return answering(path, struct.pack("!I", 0), answer)


def with_filter(program: Program, kind: str, path: Path) -> Path:
    program.folder.service("pop3", SERVICE)
    (program.folder.path / "smtpd.cfg").write_text("SMTPFILTER=TRUE\n")
    return program.folder.settings(f'[stack]\n\n[[{kind}]]\naddress = "{path}"\n')


def test_a_milter_that_answers_is_no_problem(program: Program, path: Path) -> None:
    with_filter(program, "milter", path)
    with milter(path, m.Negotiate(6, Actions.NONE, Steps.NONE)):
        assert program.succeed("check") == SOUND


def test_a_scanner_that_knows_the_test_string_is_no_problem(program: Program, path: Path) -> None:
    with_filter(program, "scanner", path)
    with clamd(path, b"stream: OK\0", b"stream: Eicar FOUND\0"):
        assert program.succeed("check") == SOUND


@pytest.mark.parametrize("kind", ["milter", "scanner"])
def test_one_that_is_not_there_is_a_warning(program: Program, kind: str, path: Path) -> None:
    file = with_filter(program, kind, path)
    assert f"{file}:3:1: warning: {path} cannot be asked now: " in program.succeed("check")
    assert program.run("check", "--strict").exit_code == 1
    # A service by itself has nothing to do with it.
    assert program.succeed("check", "pop3") == SOUND


def test_a_milter_that_wants_too_much_is_a_warning(program: Program, path: Path) -> None:
    with_filter(program, "milter", path)
    with milter(path, m.Negotiate(9, Actions.NONE, Steps.NONE)):
        assert "cannot be asked now: version 9" in program.succeed("check")


def test_a_scanner_that_sees_no_virus_is_an_error(program: Program, path: Path) -> None:
    file = with_filter(program, "scanner", path)
    with clamd(path, b"stream: OK\0", b"stream: OK\0"):
        result = program.run("check")
    assert result.exit_code == 1
    told = f"{file}:3:1: error: the scanner {path} cannot be relied on: it says that the EICAR"
    assert told in result.stdout


def test_filters_that_no_message_is_put_to_are_told(program: Program, path: Path) -> None:
    file = with_filter(program, "milter", path)
    rules = program.folder.path / "smtpd.cfg"
    rules.write_text("SUBMIT Accept *\n")
    with milter(path, m.Negotiate(6, Actions.NONE, Steps.NONE)):
        told = program.succeed("check")
    assert f"{file}:3:1: warning: no message is put to milters and scanners: {rules} does" in told
    assert told.endswith("1 service, 1 warning\n")
