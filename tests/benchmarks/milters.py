"""Messages that two milters see, in a server of aiosmtpd with the access rules and in Postfix.

usage: python -m tests.benchmarks milters
"""

from __future__ import annotations

import asyncio
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.benchmarks.page import Row
from tests.integration.daemon.postfix import folder_for_postfix, postfix
from tests.milter.programs import opendkim, opendmarc
from ualauth.adapters.smtp_access_aiosmtpd import AccessHandler, AccessSMTP
from ualauth.milter.settings import MilterSettings
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.settings import SmtpAccessSettings

TITLE = "Milters"
HOW = """
Four clients on loopback submit messages of 4 KB, 25 on a connection, in rounds that alternate.
Each message is seen by opendmarc and signed by opendkim, the same two processes for both servers.
ualauth is a server of aiosmtpd in one process, whose application drops the message; Postfix 3.7 has
a process for each client, and puts each message into its queue on the disk before it answers.
"""
_CLIENTS = 4
_ON_A_CONNECTION = 25
_ROUNDS = 6
_MESSAGE = (
    b"From: Ann <ann@example.com>\r\nTo: bob@far.example\r\nSubject: x\r\n"
    b"Date: Mon, 30 Nov 2026 06:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n"
    + b"0123456789 abcdefghijklmnopqrstuvwxyz 0123456789\r\n"
    * 80
)


class _Nothing:
    """An application that drops what it gets."""

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Look whether the message is signed."""
        content = envelope.original_content or b""
        return "250 2.0.0 signed" if b"DKIM-Signature:" in content else "451 4.3.0 not signed"


def rows() -> list[Row]:
    """Measure, and return one row."""
    with ExitStack() as running:
        folder = running.enter_context(folder_for_postfix())
        sockets = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="m", dir="/tmp")))
        sockets.chmod(0o755)
        milters = [
            running.enter_context(opendmarc(sockets)),
            running.enter_context(opendkim(sockets)),
        ]
        for each in milters:
            each.chmod(0o666)
        own = running.enter_context(_serving(milters))
        options = [
            f"smtpd_milters = {' '.join(f'unix:{each}' for each in milters)}",
            "smtpd_sasl_auth_enable = no",
        ]
        # What Postfix hands on stays in the queue.
        instance = running.enter_context(postfix(folder, 9, {"milter": options}))
        ports = {"ours": own, "peer": instance.ports["milter"]}
        seconds = dict.fromkeys(ports, 0.0)
        for port in ports.values():
            _submit(port, 2)
        for _ in range(_ROUNDS):
            for name, port in ports.items():
                begin = time.perf_counter()
                _at_once(port)
                seconds[name] += time.perf_counter() - begin
    number = _ROUNDS * _CLIENTS * _ON_A_CONNECTION
    ours, peer = (number / seconds[name] for name in ("ours", "peer"))
    return [
        Row(
            "messages a second, through opendmarc and opendkim",
            f"{ours:.0f}",
            f"{peer:.0f} (Postfix)",
            f"{ours / peer:.2f}",
            "0.5 or more",
        )
    ]


def _at_once(port: int) -> None:
    clients = [
        threading.Thread(target=_submit, args=(port, _ON_A_CONNECTION)) for _ in range(_CLIENTS)
    ]
    for each in clients:
        each.start()
    for each in clients:
        each.join()


def _submit(port: int, messages: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        client.ehlo("pc.example.com")
        for _ in range(messages):
            client.mail("ann@example.com")
            client.rcpt("bob@far.example")
            code, text = client.data(_MESSAGE)
            if code != 250:
                sys.exit(f"{code} {text.decode()}")


@contextmanager
def _serving(milters: list[Path]) -> Iterator[int]:
    """Yield the port of a server in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.milters", *map(str, milters)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _serve(*paths: str) -> None:
    *sockets, folder = paths
    (Path(folder) / "smtpd.cfg").write_text("SMTPFILTER=TRUE\nRELAY Accept *\n")
    access = AccessControl(Path(folder), SmtpAccessSettings(), "mx.example.com")
    handler = AccessHandler(_Nothing(), access, milters=[MilterSettings(each) for each in sockets])
    loop = asyncio.get_running_loop()

    def make() -> SMTP:
        return AccessSMTP(handler, loop=loop, hostname="mx.example.com")

    server = await loop.create_server(make, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
