"""One server of mail for the benchmark of the adapters, in a process of its own.

usage: python -m tests.benchmarks.adapter_server NAME ours|bare FOLDER

It says its port; then, for each line that it reads, the seconds of processor time that it
has used. `ours` asks ualauth; `bare` is the framework's own server with its own checker.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

USER, PASSWORD = "jsmith", "violet 7 anchor"
HOST = "127.0.0.1"


def main() -> None:
    """Serve until the input ends."""
    name, side, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    framework, protocol = name.split("-")
    if framework == "twisted":
        _serve_twisted(protocol, folder, ours=side == "ours")
    else:
        begin = {"aiosmtpd": _aiosmtpd, "pymap": _pymap}[framework]
        asyncio.run(_serve(begin, folder, ours=side == "ours"))


def _say(number: float) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


Begin = Callable[[Path, Any, bool], Coroutine[Any, Any, asyncio.Server]]


async def _serve(begin: Begin, folder: Path, *, ours: bool) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server = await begin(folder, context, ours)
    _say(server.sockets[0].getsockname()[1])
    while await asyncio.to_thread(sys.stdin.readline):
        _say(time.process_time())
    server.close()


async def _aiosmtpd(folder: Path, context: Any, ours: bool) -> asyncio.Server:
    from aiosmtpd.smtp import SMTP, AuthResult

    from ualauth import AsyncAuthenticator
    from ualauth.adapters import aiosmtpd as adapter

    def check(*arguments: Any) -> AuthResult:
        login = arguments[-1]
        success = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=success)

    make: Callable[[], asyncio.Protocol]
    if ours:
        make = partial(adapter.SMTP, object(), AsyncAuthenticator(folder), hostname="localhost")
    else:
        make = partial(
            SMTP,
            object(),
            authenticator=check,
            auth_require_tls=False,
            hostname="localhost",
        )
    return await asyncio.get_running_loop().create_server(make, HOST, 0, ssl=context)


async def _pymap(folder: Path, context: Any, ours: bool) -> asyncio.Server:
    from proxyprotocol.reader import ProxyProtocolReader
    from pymap.backend.dict import DictBackend, Login
    from pymap.imap import IMAPServer
    from pymap.user import UserMetadata
    from pysasl.hashing import Cleartext

    from tests.pymap_config import pymap_config
    from ualauth import AsyncAuthenticator
    from ualauth.adapters import pymap as adapter

    config = pymap_config(context, hash_context=Cleartext())
    backend = DictBackend(Login(config), config)
    server: Any
    if ours:
        server = adapter.IMAPServer(AsyncAuthenticator(folder), backend.login, config)
    else:
        backend.login.users_dict[USER] = UserMetadata(config, USER, password=PASSWORD)
        server = IMAPServer(backend.login, config)
    accept = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
    return await asyncio.start_server(accept, HOST, 0, ssl=context)


def _serve_twisted(protocol: str, folder: Path, *, ours: bool) -> None:
    from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
    from twisted.cred.portal import Portal
    from twisted.internet import reactor as installed
    from twisted.internet import ssl, threads
    from twisted.internet.protocol import Factory
    from twisted.mail import imap4, pop3, smtp
    from twisted.mail.imap4 import MemoryAccount
    from twisted.mail.interfaces import IAccountIMAP, IMailboxPOP3, IMessageDelivery

    from ualauth.adapters import twisted as adapters

    avatars = {
        IAccountIMAP: lambda: MemoryAccount(USER.encode()),
        IMailboxPOP3: pop3.Mailbox,
        IMessageDelivery: object,
    }

    class Realm:
        def requestAvatar(self, _: bytes, mind: Any, *interfaces: Any) -> Any:  # noqa: N802
            del mind
            kind = next(each for each in interfaces if each in avatars)
            return kind, avatars[kind](), lambda: None

    reactor: Any = installed
    options = ssl.PrivateCertificate.loadPEM((folder / "server.pem").read_bytes()).options()
    checker: Any = InMemoryUsernamePasswordDatabaseDontUse(**{USER: PASSWORD.encode()})
    realm: Any = Realm()
    portal = Portal(realm, [checker])
    make: Callable[[], Any]
    if ours:
        authenticator = adapters.TwistedAuthenticator(folder)
        kind: dict[str, Any] = {
            "pop3": adapters.POP3,
            "imap": adapters.IMAP4Server,
            "smtp": adapters.ESMTP,
        }
        make = partial(kind[protocol], authenticator, portal)
    else:
        bare: dict[str, Any] = {
            "pop3": pop3.POP3,
            "imap": partial(imap4.IMAP4Server, {b"PLAIN": imap4.PLAINCredentials}),
            "smtp": partial(smtp.ESMTP, {b"PLAIN": imap4.PLAINCredentials}),
        }
        make = bare[protocol]

    def build() -> Any:
        server = make()
        server.portal = portal
        return server

    port = reactor.listenSSL(0, Factory.forProtocol(build), options, interface=HOST)
    _say(port.getHost().port)

    def answer() -> None:
        while sys.stdin.readline():
            _say(time.process_time())
        reactor.callFromThread(reactor.stop)

    threads.deferToThread(answer)
    reactor.run()


if __name__ == "__main__":
    main()
