"""A server for mail submission, with STARTTLS and with TLS from the beginning.

usage: .venv/bin/python examples/smtp_server.py [FOLDER]

It listens on 127.0.0.1, says how to log in with a mail program, prints who sends what,
and ends by Ctrl-C. FOLDER is made, or used if it is there; without one, it is a temporary one.
"""

from __future__ import annotations

import asyncio
from functools import partial

from playground import PASSWORD, Playground, run, until_stopped

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


async def serve(playground: Playground, ports: tuple[int, int]) -> None:
    """Serve until stopped."""
    context = playground.tls_context()
    servers = []
    async with AsyncAuthenticator(playground.folder) as auth:
        await auth.load("smtpd.auth")
        make = partial(SMTP, Printing(), auth, auth_required=True, hostname="localhost")
        begin = asyncio.get_running_loop().create_server
        for how, listening in (
            ("STARTTLS", begin(partial(make, tls_context=context), HOST, ports[0])),
            ("TLS", begin(make, HOST, ports[1], ssl=context)),
        ):
            servers.append(await listening)
            port = servers[-1].sockets[0].getsockname()[1]
            print(f"smtp, {how}: {HOST} port {port}")
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
trust {playground.authority}; then, for example:
  swaks --server localhost --port {port} --tls-on-connect --auth PLAIN --auth-user jsmith \\
    --auth-password '{PASSWORD}' --from js@example.com --to ann@example.com
stop by Ctrl-C""",
            flush=True,
        )
        await until_stopped()
        # Who is connected is not waited for.
        for server in servers:
            server.close()


if __name__ == "__main__":
    run(serve, (5587, 5465))
