"""A server for mail submission, with STARTTLS and with TLS from the beginning.

usage: .venv/bin/python examples/smtp_server.py [FOLDER]

It listens on 127.0.0.1, says how to log in with a mail program, prints who sends what,
and ends by Ctrl-C. FOLDER is made, or used if it is there; without one, it is a temporary one.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from playground import PASSWORD, Playground, until_stopped

from ualauth import AsyncAuthenticator
from ualauth.adapters.aiosmtpd import SMTP, Envelope, Session

HOST = "127.0.0.1"


class Printing:
    """What becomes of messages: a line that says who sent them."""

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a message."""
        identity = session.ualauth_identity
        sender = "nobody" if identity is None else identity.user
        print(f"{sender} sends {len(envelope.content or b'')} bytes", flush=True)
        return "250 2.0.0 Taken, and printed"


async def main(folder: Path, ports: tuple[int, int]) -> None:
    """Serve until stopped."""
    playground = Playground.make(folder)
    context = playground.tls_context()
    async with AsyncAuthenticator(playground.folder) as auth, AsyncExitStack() as servers:
        await auth.load("smtpd.auth")
        make = partial(SMTP, Printing(), auth, auth_required=True, hostname="localhost")
        loop = asyncio.get_running_loop()
        for port, options, tls in (
            (ports[0], {"tls_context": context}, None),
            (ports[1], {}, context),
        ):
            server = await loop.create_server(partial(make, **options), HOST, port, ssl=tls)
            await servers.enter_async_context(server)
            how = "STARTTLS" if tls is None else "TLS"
            print(f"smtp, {how}: {HOST} port {server.sockets[0].getsockname()[1]}")
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
trust {playground.authority}, or no certificate at all; then, for example:
  swaks --server localhost --port {ports[0]} --tls --auth PLAIN --auth-user jsmith \\
    --auth-password '{PASSWORD}' --from js@example.com --to ann@example.com
stop by Ctrl-C""",
            flush=True,
        )
        await until_stopped()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--ports", nargs=2, type=int, default=(5587, 5465))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ualauth-") as temporary:
        asyncio.run(main(chosen.folder or Path(temporary) / "etc", tuple(chosen.ports)))
