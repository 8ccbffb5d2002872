"""Who was let in gets a mailbox of pymap's backends, whatever they keep of people."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.maildir import MaildirBackend
from pymap.context import socket_info
from pymap.exceptions import AuthorizationFailure, NotAllowedError
from pysasl.creds.plain import PlainCredentials

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD
from tests.unit.adapters.talk import Imap
from ualauth import AsyncAuthenticator
from ualauth.adapters.pymap import IMAPServer, Login
from ualauth.adapters.pymap.login import Vouched
from ualauth.adapters.pymap.replies import Refused
from ualauth.identity import Identity, Person


def maildir(folder: Path, certificates: Certificates | None = None) -> Namespace:
    """Return the command line of pymap with mail in folders."""
    pem = None if certificates is None else str(certificates.server)
    return Namespace(
        passlib_cfg=None,
        proxy_protocol=None,
        host=None,
        port=0,
        debug=False,
        cert=pem,
        key=pem,
        tls=True,
        base_dir=str(folder),
        layout="++",
        colon=None,
        concurrency=2,
    )


def test_mail_is_kept_in_folders(etc: Path, tmp_path: Path, certificates: Certificates) -> None:
    def talk(port: int) -> None:
        for _ in range(2):
            with Imap(port) as client:
                client.begin_tls(certificates.client_context())
                assert client.password("jsmith", PASSWORD).startswith("a OK")
                assert client.command("SELECT INBOX")[-1].startswith("a OK")

    async def serve() -> None:
        backend, config = await MaildirBackend.init(maildir(tmp_path / "mail", certificates))
        config.apply_context()
        async with AsyncAuthenticator(etc) as auth:
            server = IMAPServer(auth, backend.login, config)
            callback = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
            listening = await asyncio.start_server(callback, "127.0.0.1", 0)
            async with listening:
                await asyncio.to_thread(talk, listening.sockets[0].getsockname()[1])
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(serve())
    assert (tmp_path / "mail" / "jsmith" / "cur").is_dir()


class Peer:
    """What pymap knows of a connection under TLS."""

    peername_ip = None
    cipher = ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)


def with_login(etc: Path, folder: Path, use: Callable[[Login], Awaitable[None]]) -> None:
    async def run() -> None:
        backend, config = await MaildirBackend.init(maildir(folder / "mail"))
        peer: Any = Peer()
        socket_info.set(peer)
        async with AsyncAuthenticator(etc) as auth:
            await use(Login(auth, backend.login, config))

    asyncio.run(run())


def test_names_and_passwords_of_other_services_are_judged(etc: Path, tmp_path: Path) -> None:
    async def use(login: Login) -> None:
        identity = await login.authenticate(PlainCredentials("JSmith@example.com", PASSWORD))
        assert identity.name == "jsmith"
        with pytest.raises(Refused, match="Authentication failed"):
            await login.authenticate(PlainCredentials("jsmith", "wrong"))
        with pytest.raises(Refused, match="Temporary"):
            await login.authenticate(PlainCredentials("outage", PASSWORD))
        with pytest.raises(AuthorizationFailure):
            await login.authorize(identity, "locked")
        assert await login.authorize(identity, "jsmith") is identity

    with_login(etc, tmp_path, use)


@pytest.mark.parametrize("name", ["../root", ".hidden", "a/b", "a:b", "a\nb"])
def test_name_that_is_a_path_gets_no_mailbox(etc: Path, tmp_path: Path, name: str) -> None:
    async def use(login: Login) -> None:
        with pytest.raises(NotAllowedError):
            await login.authenticate(Vouched(Identity("imap", name, name, Person(name))))

    with_login(etc, tmp_path, use)
