"""Servers for tests: Twisted's in a reactor, pymap's in an event loop, each in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend, Login
from twisted.cred.checkers import AllowAnonymousAccess
from twisted.cred.error import LoginDenied
from twisted.cred.portal import Portal
from twisted.internet import reactor as installed
from twisted.internet import ssl, tcp, threads
from twisted.internet.protocol import Factory
from twisted.mail.imap4 import MemoryAccount
from twisted.mail.interfaces import IAccountIMAP, IMailboxPOP3, IMessageDelivery
from twisted.mail.pop3 import Mailbox
from twisted.python.log import PythonLoggingObserver
from zope.interface import implementer

from tests.pymap_config import pymap_config
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.looping import (
    SECONDS,
    LoopServers,
    open_exchanges,
    tls_options,
    wait_until_none,
)
from ualauth.adapters.pymap import IMAPServer
from ualauth.adapters.twisted import ESMTP, POP3, IMAP4Server, MailboxInUse, TwistedAuthenticator

# mypy takes the interfaces of zope for classes.
reactor: Any = installed
TWISTED: dict[str, Callable[..., Any]] = {"imap": IMAP4Server, "pop3": POP3, "smtp": ESMTP}

REFUSALS = {b"banned": LoginDenied(), b"busy": MailboxInUse()}


@implementer(IMessageDelivery)
class Delivery:
    """Takes all mail for nothing."""

    def validateFrom(self, _: object, origin: object) -> object:  # noqa: N802
        """Accept a sender."""
        return origin

    def validateTo(self, _: object) -> Any:  # noqa: N802
        """Accept a recipient."""
        return object


class Realm:
    """Gives every user an empty mailbox, but `banned` and `busy` none; notes who came."""

    def __init__(self) -> None:
        """Begin without users."""
        self.came: list[tuple[bytes, Any]] = []
        self.inside: list[bytes] = []
        """Whose avatars have not been logged out."""
        self.late: Any = None
        """What an avatar waits for, if anything."""

    def requestAvatar(self, avatar: bytes, mind: Any, *interfaces: Any) -> Any:  # noqa: N802
        """Return the first interface, an avatar and what to do at the end."""
        self.came.append((avatar, mind))
        if avatar in REFUSALS:
            raise REFUSALS[avatar]
        makers = {
            IAccountIMAP: lambda: MemoryAccount(avatar),
            IMailboxPOP3: Mailbox,
            IMessageDelivery: Delivery,
        }
        for each in interfaces:
            if each in makers:
                self.inside.append(avatar)
                given = each, makers[each](), lambda: self.inside.remove(avatar)
                return given if self.late is None else self.late.addCallback(lambda _, it=given: it)
        raise NotImplementedError


class TwistedThread:
    """The reactor, which cannot be started twice."""

    def __init__(self) -> None:
        """Start it; what Twisted logs goes to Python's logging."""
        PythonLoggingObserver("twisted").start()
        self._thread = threading.Thread(
            target=lambda: reactor.run(installSignalHandlers=False), daemon=True
        )
        self._thread.start()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return what a function returned in the reactor's thread, or its Deferred came to."""
        return threads.blockingCallFromThread(reactor, function, *args)

    def stop(self) -> None:
        """Stop it."""
        reactor.callFromThread(reactor.stop)
        self._thread.join(SECONDS)


class TwistedServers:
    """Servers that share a way in and a realm."""

    def __init__(self, thread: TwistedThread, folder: Any, certificates: Certificates) -> None:
        """Listen on nothing yet."""
        self.thread = thread
        self.realm: Any = Realm()
        self.authenticator = TwistedAuthenticator(folder)
        pem = certificates.server.read_bytes()
        self._context = ssl.PrivateCertificate.loadPEM(pem).options()
        authority = ssl.Certificate.loadPEM(certificates.authority.read_bytes())
        self._asking = ssl.PrivateCertificate.loadPEM(pem).options(authority)
        self._ports: list[Any] = []

    def listen(
        self,
        kind: str,
        service: str,
        *,
        tls: bool = False,
        ask: bool = False,
        timeout: float | None = None,
        anonymous: bool = True,
        **options: Any,
    ) -> int:
        """Return the port of a new server; `ask` is for the client's certificate.

        With `anonymous`, a client that does not log in may send, too.
        """
        checkers: list[Any] = [AllowAnonymousAccess()] if anonymous else []
        portal = Portal(self.realm, checkers)
        context = self._asking if ask else self._context

        def make() -> Any:
            protocol = TWISTED[kind](self.authenticator, portal, service, context, **options)
            if timeout is not None:
                protocol.timeout = protocol.timeOut = protocol.seconds_to_leave = timeout
            return protocol

        factory = Factory.forProtocol(make)

        def begin() -> Any:
            if tls:
                return reactor.listenSSL(0, factory, context, interface="127.0.0.1")
            return reactor.listenTCP(0, factory, interface="127.0.0.1")

        port = self.thread.call(begin)
        self._ports.append(port)
        number: int = port.getHost().port
        return number

    def wait_until_idle(self) -> None:
        """Wait until no connection is left, and no exchange."""
        wait_until_none(lambda: self.thread.call(self._connections))
        wait_until_none(self._authenticator_tasks)
        wait_until_none(lambda: open_exchanges(self.authenticator._authenticator))

    def _connections(self) -> list[Any]:
        return [each for each in reactor.getReaders() if isinstance(each, tcp.Server)]

    def _authenticator_tasks(self) -> list[Any]:
        loop = self.authenticator._loop
        return [] if loop is None else list(asyncio.all_tasks(loop))

    def close(self) -> None:
        """Stop listening."""
        for port in self._ports:
            self.thread.call(port.stopListening)
        self.authenticator.close()


class PymapServers(LoopServers):
    """pymap with its dictionary of mailboxes."""

    def listen(
        self, kind: str, service: str, *, tls: bool = False, ask: bool = False, **options: Any
    ) -> int:
        """Return the port of a new server; it always asks for the client's certificate."""
        assert kind == "imap"
        del ask
        if "timeout" in options:
            options["login_timeout"] = options.pop("timeout")
        port: int = self.run(self._listen(service, tls=tls, **options))
        return port

    async def _listen(self, service: str, *, tls: bool, **options: Any) -> int:
        context = self._certificates.server_context()
        config = pymap_config(context)
        backend = DictBackend(Login(config), config)
        der = self._certificates.server_der
        server = IMAPServer(self.authenticator, backend.login, config, service, der, **options)
        callback = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
        begin = asyncio.start_server
        return self.port_of(await begin(callback, "127.0.0.1", 0, **tls_options(context, tls=tls)))
