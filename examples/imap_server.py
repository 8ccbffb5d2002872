"""pymap's IMAP server, with STARTTLS and with TLS from the beginning.

usage: .venv/bin/python examples/imap_server.py [FOLDER] [--remote]

It listens on 127.0.0.1, says how to log in with a mail program, and ends by Ctrl-C.
FOLDER is made, or used if it is there; without one, it is a temporary one. Mailboxes are
in memory; that of jsmith has a few messages.

With --remote, the service ual.remote says who gets in, as for web access and Outlook, and not
imap: people may be let in by one and not by the other.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace

from playground import PASSWORD, Playground, run, until_stopped
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, DictBackend, Login

from ualauth import AsyncAuthenticator
from ualauth.adapters.pymap import IMAPServer

HOST = "127.0.0.1"


async def serve(playground: Playground, ports: tuple[int, int], *, remote: bool) -> None:
    """Serve until stopped."""
    service = "ual.remote" if remote else "imap"
    context = playground.tls_context()
    config = Config(
        Namespace(passlib_cfg=None, proxy_protocol=None),
        host=HOST,
        port=ports[0],
        ssl_context=context,
        demo_data=True,
        demo_user="jsmith",
        demo_password="",
    )
    backend = DictBackend(Login(config), config)
    async with AsyncAuthenticator(playground.folder) as auth:
        server = IMAPServer(auth, backend.login, config, service)
        accept = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
        listening = []
        for port, tls in ((ports[0], None), (ports[1], context)):
            listening.append(await asyncio.start_server(accept, HOST, port, ssl=tls))
        open_ports = [each.sockets[0].getsockname()[1] for each in listening]
        for how, port in zip(("STARTTLS", "TLS"), open_ports, strict=True):
            print(f"imap, {how}: {HOST} port {port}")
        print(f"who gets in: {playground.folder / 'pam.d' / service}")
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
trust {playground.authority}; then, for example:
  curl --ssl-reqd --cacert {playground.authority} \\
    --user 'jsmith:{PASSWORD}' imap://localhost:{open_ports[0]}/
stop by Ctrl-C""",
            flush=True,
        )
        await until_stopped()
        for each in listening:
            each.close()


if __name__ == "__main__":
    run(serve, (5143, 5993), remote="ask the service ual.remote instead of imap")
