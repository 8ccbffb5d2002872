"""A server for mail submission, with STARTTLS and with TLS from the beginning.

usage: .venv/bin/python examples/smtp_server.py [FOLDER] [--anonymous]

It listens on 127.0.0.1, says how to log in with a mail program, prints who sends what,
and ends by Ctrl-C. FOLDER is made, or used if it is there; without one, it is a temporary one.

FOLDER/smtpd.cfg has rules of who may send what; it may be changed while the server runs. What
they refuse or drop is printed. With --anonymous, no client has to log in unless it says so.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from functools import partial

from playground import PASSWORD, Playground, run, until_stopped

from ualauth import AsyncAuthenticator
from ualauth.adapters.aiosmtpd import SMTP, Envelope, Session
from ualauth.adapters.smtp_access_aiosmtpd import AccessHandler, AccessSMTP
from ualauth.smtp_access.access_control import AccessControl

HOST = "127.0.0.1"
NAME = "localhost"
TOP = b"X-Scalix-"


class Submission(AccessSMTP, SMTP):
    """Asks the rules about hosts before it greets them, and the service about people."""


class Printing:
    """What becomes of messages: a line that says who sent them, and the rules' headers."""

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a message."""
        identity = session.ualauth_identity
        sender = "no user" if identity is None else identity.user
        content = envelope.original_content or b""
        recipients = ", ".join(envelope.rcpt_tos)
        print(f"{sender} sends {len(content)} bytes to {recipients}", flush=True)
        for line in content.splitlines():
            # Those that the rules inserted stand at the top, and may be folded.
            if not line.startswith((TOP, b" ")):
                break
            print(f"  {line.decode(errors='replace')}", flush=True)
        return "250 2.0.0 Taken, and printed"


def access_handler(auth: AsyncAuthenticator) -> AccessHandler:
    """Return what asks smtpd.cfg, and prints whom it refuses."""
    config = auth.config
    log = logging.getLogger("ualauth.smtp_access")
    log.addHandler(logging.StreamHandler(sys.stdout))
    log.setLevel(logging.INFO)
    access = AccessControl(config.directory, config.smtp_access, NAME)
    return AccessHandler(Printing(), access)


async def serve(playground: Playground, ports: tuple[int, int], *, anonymous: bool) -> None:
    """Serve until stopped."""
    context = playground.tls_context()
    servers = []
    async with AsyncAuthenticator(playground.folder) as auth:
        await auth.load("smtpd.auth")
        make = partial(
            Submission,
            access_handler(auth),
            auth,
            auth_required=not anonymous,
            hostname=NAME,
        )
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
who may send what: {playground.folder / "smtpd.cfg"}
stop by Ctrl-C""",
            flush=True,
        )
        await until_stopped()
        # Who is connected is not waited for.
        for server in servers:
            server.close()


if __name__ == "__main__":
    run(
        serve,
        (5587, 5465),
        anonymous="let people send who do not log in, unless smtpd.cfg says otherwise",
    )
