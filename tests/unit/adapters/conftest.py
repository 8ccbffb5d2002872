"""Servers of others that ask ualauth, with people of every kind."""

from __future__ import annotations

import ssl
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adapters import certificates as making
from tests.unit.adapters.aiosmtpd.serving import AiosmtpdServers
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.heard import Heard, hearing
from tests.unit.adapters.modules import Waiting
from tests.unit.adapters.serving import PymapServers, TwistedServers, TwistedThread
from tests.unit.adapters.talk import Imap, Pop3, Smtp, Talk
from tests.unit.sasl.conftest import secrets_of
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName

PASSWORD = "pencil"
QUOTED = 'a "b" \\c d'
SETTINGS = """
    [sasl]
    mechanisms = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "CRAM-MD5", "EXTERNAL",
                  "PLAIN", "LOGIN", "ANONYMOUS"]
    certificate_names = ["email: *@example.com -> {1}"]
    # As shipped, it takes neither PLAIN nor LOGIN.
    [service."smtpd.auth"]
    mechanisms = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "CRAM-MD5", "EXTERNAL",
                  "PLAIN", "LOGIN", "ANONYMOUS"]
    [service.proving]
    mechanisms = ["SCRAM-SHA-256"]
    [stack]
    fail_delay = false
    [lockout]
    failures = 0
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    """
STACK = """
    auth sufficient om_external
    auth sufficient om_anonymous
    auth requisite pam_if user=outage stack=down
    auth required om_auth
    account sufficient om_anonymous
    account required om_auth
    """


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return certificates."""
    return making.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def etc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a configuration folder with people."""
    folder = ConfigFolder(tmp_path_factory.mktemp("etc"))
    for name in ("imap", "pop3", "smtpd.auth", "proving"):
        folder.service(name, STACK)
    # Who may read mail by IMAP may not always do so by web access.
    folder.service("ual.remote", f"auth requisite pam_succeed_if user != quoted\n{STACK}")
    folder.module("waiting", Waiting)
    folder.settings(f"{textwrap.dedent(SETTINGS)}[modules]\npath = ['{folder.path}/modules']\n")
    folder.service("slow", "auth required waiting\naccount required waiting")
    folder.service("down", "auth required pam_debug auth=authinfo_unavail")
    people = Userlist.create(folder.path)
    now = datetime.now(UTC)
    for name in ("jsmith", "locked", "expired", "outage", "banned", "busy"):
        user = people.add(name, addresses=(f"{name}@example.com",))
        expires = now - timedelta(days=1) if name == "expired" else None
        hashed, secrets = people.hasher.hash(PASSWORD), secrets_of(PASSWORD)
        people.store.set_password(user, hashed, secrets, changed=now, expires=expires)
    people.add("quoted", QUOTED, name=ORName(surname="Quoted", given_name="Ann"))
    people.store.update(people.store.get("locked"), locked=True)
    people.close()
    return folder.path


@pytest.fixture(scope="session")
def reactor_thread() -> Iterator[TwistedThread]:
    """Return Twisted's reactor, running."""
    thread = TwistedThread()
    yield thread
    thread.stop()


@pytest.fixture(scope="session")
def twisted_servers(
    reactor_thread: TwistedThread, etc: Path, certificates: Certificates
) -> Iterator[TwistedServers]:
    """Return servers of Twisted."""
    servers = TwistedServers(reactor_thread, etc, certificates)
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def pymap_servers(etc: Path, certificates: Certificates) -> Iterator[PymapServers]:
    """Return servers of pymap."""
    servers = PymapServers(etc, certificates)
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def aiosmtpd_servers(etc: Path, certificates: Certificates) -> Iterator[AiosmtpdServers]:
    """Return servers of aiosmtpd."""
    servers = AiosmtpdServers(etc, certificates)
    yield servers
    servers.close()


Servers = TwistedServers | PymapServers | AiosmtpdServers


class Side:
    """One kind of server, and the client that talks to it."""

    def __init__(self, name: str, kind: type[Talk], servers: Servers) -> None:
        """Listen on nothing yet."""
        self.name = name
        self.kind = kind
        self.protocol = kind.__name__.lower()
        self._servers = servers
        self._ports: dict[tuple[object, ...], int] = {}

    def connect(
        self,
        context: ssl.SSLContext | None = None,
        *,
        service: str | None = None,
        ask: bool = False,
        **options: Any,
    ) -> Talk:
        """Return a new connection, with TLS from the beginning if there is a context."""
        place = (service, context is not None, ask, *options.items())
        usual = {"imap": "imap", "pop3": "pop3", "smtp": "smtpd.auth"}[self.protocol]
        if place not in self._ports:
            self._ports[place] = self._servers.listen(
                self.protocol, service or usual, tls=context is not None, ask=ask, **options
            )
        return self.kind(self._ports[place], context)

    def wait_until_idle(self) -> None:
        """Wait until all connections are gone, and nothing of them is left."""
        self._servers.wait_until_idle()


SIDES: dict[str, type[Talk]] = {
    "twisted-imap": Imap,
    "twisted-pop3": Pop3,
    "twisted-smtp": Smtp,
    "pymap-imap": Imap,
    "aiosmtpd-smtp": Smtp,
}


@pytest.fixture(scope="session")
def sides(request: pytest.FixtureRequest) -> Callable[[str], Side]:
    """Return how to get a kind of server, which is started once."""
    by_name: dict[str, Side] = {}

    def find(name: str) -> Side:
        if name not in by_name:
            servers = request.getfixturevalue(f"{name.split('-', maxsplit=1)[0]}_servers")
            by_name[name] = Side(name, SIDES[name], servers)
        return by_name[name]

    return find


@pytest.fixture
def unbroken() -> Iterator[Heard]:
    """Hear what is logged, and see that nothing broke."""
    with hearing() as log:
        yield log
    assert "Traceback" not in log.text, log.text


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest, sides: Callable[[str], Side]) -> Side:
    """Return each kind of server in turn."""
    return sides(request.param)
