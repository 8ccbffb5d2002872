"""pymap's ManageSieve server, with STARTTLS and with TLS from the beginning.

usage: .venv/bin/python examples/sieve_server.py [FOLDER]

It listens on 127.0.0.1, says how to log in with sieve-connect, and ends by Ctrl-C. FOLDER is
made, or used if it is there; without one, it is a temporary one. Scripts are in memory.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace

from playground import PASSWORD, Playground, run, until_stopped
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, DictBackend, Login

from ualauth import AsyncAuthenticator
from ualauth.adapters.pymap.sieve import ManageSieveServer

HOST = "127.0.0.1"


async def serve(playground: Playground, ports: tuple[int, int]) -> None:
    """Serve until stopped."""
    context = playground.tls_context()
    config = Config(
        Namespace(passlib_cfg=None, proxy_protocol=None),
        host=HOST,
        port=ports[0],
        ssl_context=context,
        demo_data=False,
        demo_user="",
        demo_password="",
    )
    # An IMAP server of the same backend would put the scripts to use.
    backend = DictBackend(Login(config), config)
    async with AsyncAuthenticator(playground.folder) as auth:
        server = ManageSieveServer(auth, backend.login, config)
        accept = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
        listening = []
        for port, tls in ((ports[0], None), (ports[1], context)):
            listening.append(await asyncio.start_server(accept, HOST, port, ssl=tls))
        open_ports = [each.sockets[0].getsockname()[1] for each in listening]
        for how, port in zip(("STARTTLS", "TLS"), open_ports, strict=True):
            print(f"managesieve, {how}: {HOST} port {port}")
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
trust {playground.authority}; then, for example:
  sieve-connect --tlscafile {playground.authority} --user jsmith localhost:{open_ports[0]}
stop by Ctrl-C""",
            flush=True,
        )
        await until_stopped()
        for each in listening:
            each.close()


if __name__ == "__main__":
    run(serve, (4190, 5190))
