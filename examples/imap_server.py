"""Serve IMAP on loopback, with every SASL mechanism, until Ctrl-C. The server is pymap's.

usage: .venv/bin/python examples/imap_server.py FOLDER [PORT TLS_PORT]

FOLDER is made if it is not there, with people, certificates and a token to play with
(see `playground.py`). Mailboxes are in memory; that of jsmith has pymap's demonstration.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from pathlib import Path

from playground import PASSWORD, Playground, until_stopped
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, DictBackend, Login

from ualauth import AsyncAuthenticator
from ualauth.adapters.pymap import IMAPServer


async def main(folder: Path, ports: tuple[int, int]) -> None:
    """Serve IMAP until somebody stops it."""
    playground = Playground.make(folder)
    tls = playground.tls_context()
    config = Config(
        Namespace(passlib_cfg=None, proxy_protocol=None),
        host="127.0.0.1",
        port=ports[0],
        ssl_context=tls,
        demo_data=True,
        demo_user="jsmith",
        demo_password="",
    )
    backend = DictBackend(Login(config), config)
    async with AsyncAuthenticator(folder) as authenticator:
        server = IMAPServer(authenticator, backend.login, config, "imap")
        serve = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
        plain = await asyncio.start_server(serve, "127.0.0.1", ports[0])
        secure = await asyncio.start_server(serve, "127.0.0.1", ports[1], ssl=tls)
        found = [each.sockets[0].getsockname()[1] for each in (plain, secure)]
        print(f"IMAP: localhost:{found[0]} (STARTTLS) and localhost:{found[1]} (TLS)")
        print(f"log in as jsmith with the password {PASSWORD!r}; trust {playground.authority}")
        print("stop with Ctrl-C", flush=True)
        await until_stopped()
        plain.close()
        secure.close()


if __name__ == "__main__":
    if len(sys.argv) not in {2, 4}:
        sys.exit(__doc__)
    given = (int(sys.argv[2]), int(sys.argv[3])) if sys.argv[3:] else (1143, 1993)
    asyncio.run(main(Path(sys.argv[1]), given))
