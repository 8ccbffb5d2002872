"""The example servers, started as their pages say, and what clients come with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from playground import PASSWORD, Playground

from tests.interop import cases
from tests.interop.cases import (
    IMAP,
    POP3,
    REMOTE_IMAP,
    SMTP,
    TWISTED_IMAP,
    TWISTED_SMTP,
    Case,
    Credentials,
    Server,
)
from tests.machine import patience

ROOT = Path(__file__).parent.parent.parent
SETTINGS = """\
[stack]
fail_delay = false
[password]
argon2_memory = 8192
argon2_passes = 1
# More wrong passwords are tried than a client may.
[lockout]
failures = 0
"""


class Example(NamedTuple):
    """A script, and the protocols that it serves, in lines such as `smtp, TLS: HOST port N`."""

    script: str
    protocols: Sequence[cases.Protocol]
    options: Sequence[str] = ()


EXAMPLES = (
    Example("smtp_server.py", (SMTP,)),
    Example("twisted_smtp_server.py", (TWISTED_SMTP,)),
    Example("imap_server.py", (IMAP,)),
    Example("imap_server.py", (REMOTE_IMAP,), ("--remote",)),
    Example("twisted_imap_server.py", (TWISTED_IMAP,)),
    Example("pop3_server.py", (POP3,)),
)
_LISTENING = re.compile(r"(?P<protocol>\w+), (?P<how>STARTTLS|TLS): [0-9.]+ port (?P<port>\d+)")


class Servers(Protocol):
    """All that run, what clients come with, and what they ask."""

    @property
    def by_protocol(self) -> Mapping[str, Server]:
        """The servers."""
        ...

    def credentials(self, case: Case) -> Credentials:
        """Return what is right, or, of the same kind, what is wrong."""
        ...

    def outage(self) -> AbstractContextManager[None]:
        """Take away for a while what the servers ask."""
        ...


@dataclass(frozen=True, slots=True)
class WithPassword:
    """Servers that ask the USERLIST."""

    playground: Playground
    by_protocol: Mapping[str, Server]

    def credentials(self, case: Case) -> Credentials:
        """See `Servers.credentials`."""
        here = self.playground
        if case is Case.WRONG:
            return Credentials("jsmith", "incorrect horse", here.bad_token, here.other_certificate)
        return Credentials("jsmith", PASSWORD, here.token, here.client_certificate)

    def outage(self) -> AbstractContextManager[None]:
        """See `Servers.outage`."""
        return away(self.playground.folder / "userlist.db")


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Take a file away for a while."""
    moved = path.rename(path.with_name(f"{path.name}.away"))
    try:
        yield
    finally:
        moved.rename(path)


@contextmanager
def with_password(folder: Path) -> Iterator[WithPassword]:
    """Start all example servers as they are."""
    playground = Playground.make(folder)
    with (folder / "ualauth.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    with running(playground) as servers:
        yield WithPassword(playground, servers)


@contextmanager
def running(
    playground: Playground,
    environment: Mapping[str, str] | None = None,
    examples: Sequence[Example] = EXAMPLES,
) -> Iterator[Mapping[str, Server]]:
    """Start example servers on one folder; end them by Ctrl-C."""
    servers: dict[str, Server] = {}
    with ExitStack() as started:
        for example in examples:
            output = started.enter_context(_started(example, playground, environment or {}))
            ports: dict[str, dict[str, int]] = {}
            for line in iter(output.readline, ""):
                if "Ctrl-C" in line:
                    break
                if listening := _LISTENING.match(line):
                    name = listening["protocol"]
                    ports.setdefault(name, {})[listening["how"]] = int(listening["port"])
            for protocol in example.protocols:
                server = Server(protocol, ports[protocol.scheme], playground.authority)
                servers[protocol.name] = server
        yield servers


@contextmanager
def _started(
    example: Example, playground: Playground, environment: Mapping[str, str]
) -> Iterator[IO[str]]:
    script = ROOT / "examples" / example.script
    words: list[str | Path] = [script, playground.folder, *example.options, "--ports"]
    process = subprocess.Popen(
        [sys.executable, *words, *["0"] * (2 * len(example.protocols))],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        process.send_signal(2)
        try:
            process.communicate(timeout=patience(20))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
    assert process.returncode == 0
