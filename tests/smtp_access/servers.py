"""An aiosmtpd server with the rules, whose clients come from where a test says."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.smtp_access.clients import PASSWORD
from tests.smtp_access.conftest import JOHN
from ualauth.adapters.smtp_access_aiosmtpd import AccessHandler, AccessSMTP
from ualauth.identity import Identity
from ualauth.milter.settings import MilterSettings
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.settings import SmtpAccessSettings
from ualauth.system.networks import Address
from ualauth.virus.settings import ScannerSettings


class Recorder:
    """An application that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[tuple[Sequence[str], bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        assert content == envelope.original_content
        self.messages.append((tuple(envelope.rcpt_tos), content))
        return "250 2.0.0 kept"


class Names:
    """A resolver by a table; whatever is in it points back."""

    def __init__(self, table: dict[str, str]) -> None:
        self.table = table
        self.asked = 0

    async def names(self, address: Address, seconds: float) -> Sequence[str]:
        self.asked += 1
        return [self.table[str(address)]]

    async def addresses(self, name: str, version: int, seconds: float) -> Sequence[str]:
        return [address for address, each in self.table.items() if each == name]


def login(_server: SMTP, session: Any, _envelope: Envelope, _name: str, data: Any) -> AuthResult:
    """Stand for an authentication adapter: leave an identity in the session, or none."""
    assert isinstance(data, LoginPassword)
    user = data.login.decode()
    good = user == JOHN.authid and data.password.decode() == PASSWORD
    session.ualauth_identity = Identity("smtpd.auth", user, user, JOHN) if good else None
    session.ualauth_failed = not good
    return AuthResult(success=good, handled=False)


class Server:
    """A server in a thread; `peer` is where the next client comes from, `None` for the truth."""

    def __init__(self, handler: AccessHandler, kind: type[SMTP], **settings: Any) -> None:
        self.peer: str | None = None
        self.port = 0
        self._handler = handler
        self._kind = kind
        self._settings = {"authenticator": login, "auth_require_tls": False, **settings}
        self._transports: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self, path: str | None = None) -> None:
        """Listen on a free port, or on a UNIX socket."""
        self._thread.start()
        listening = (
            self._loop.create_server(self._new, "127.0.0.1", 0)
            if path is None
            else self._loop.create_unix_server(self._new, path)
        )
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        if path is None:
            self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for transport in self._transports:
            # Before Python 3.11.3, a lost one over TLS cannot be aborted any more.
            with contextlib.suppress(AttributeError):
                transport.abort()
        # What a lost connection cancels ends by itself.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def _new(self) -> SMTP:
        peer, transports = self.peer, self._transports

        class FromElsewhere(self._kind):  # type: ignore[name-defined, misc]  # of any kind
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transports.append(transport)
                if peer is not None and self.session is not None:
                    self.session.peer = (peer, 25)

        return FromElsewhere(
            self._handler,
            loop=self._loop,
            hostname="mx.example.com",
            **self._settings,
        )


@contextlib.contextmanager
def serving(
    folder: Path,
    rules: str,
    application: object,
    *,
    settings: SmtpAccessSettings | None = None,
    kind: type[SMTP] = AccessSMTP,
    names: dict[str, str] | None = None,
    new_filter: Any = None,
    milters: Sequence[MilterSettings] = (),
    scanners: Sequence[ScannerSettings] = (),
    path: str | None = None,
    **server_settings: Any,
) -> Iterator[Server]:
    (folder / "smtpd.cfg").write_text(rules, encoding="utf-8")
    access = AccessControl(folder, settings or SmtpAccessSettings(), "mx.example.com")
    resolver = Names(names or {})
    handler = AccessHandler(
        application,
        access,
        resolver=resolver,
        new_filter=new_filter,
        milters=milters,
        scanners=scanners,
    )
    server = Server(handler, kind, **server_settings)
    server.start(path)
    try:
        yield server
    finally:
        server.stop()
