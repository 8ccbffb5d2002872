"""Messages that tests hand to a server with milters, and what becomes of them."""

from __future__ import annotations

import contextlib
import smtplib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.machine import patience
from tests.smtp_access.clients import PASSWORD
from tests.smtp_access.conftest import JOHN
from tests.smtp_access.servers import serving
from ualauth.milter.settings import MilterSettings
from ualauth.virus.settings import ScannerSettings

RULES = "SMTPFILTER=TRUE\nRELAY Accept *\nAUTH_SUCCESS Header *\n"
MESSAGE = b"Subject: old\r\nX-Gone: 1\r\n\r\nold body\r\n"
LONG = 600.0
"""Seconds that no milter of a test takes, on any machine."""


class Inbox:
    """An application that keeps envelopes."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | None, list[str], bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        self.messages.append((envelope.mail_from, list(envelope.rcpt_tos), content))
        return "250 2.0.0 kept"


class Submitter:
    """A client; each message is answered with code and text."""

    def __init__(self, port: int) -> None:
        self.smtp = smtplib.SMTP("127.0.0.1", port, timeout=patience(60))
        self.smtp.login(JOHN.authid, PASSWORD)

    def send(
        self,
        content: bytes = MESSAGE,
        sender: str = "john@example.com",
        recipients: Sequence[str] = ("bob@example.com",),
    ) -> tuple[int, str]:
        self.smtp.mail(sender)
        for recipient in recipients:
            self.smtp.rcpt(recipient)
        code, text = self.smtp.data(content)
        return code, text.decode()


@contextlib.contextmanager
def submitting(
    folder: Path,
    *milters: MilterSettings,
    scanners: Sequence[ScannerSettings] = (),
    rules: str = RULES,
) -> Iterator[tuple[Submitter, Inbox]]:
    inbox = Inbox()
    filters: dict[str, Any] = {"milters": milters, "scanners": scanners}
    with serving(folder, rules, inbox, auth_required=False, **filters) as server:
        client = Submitter(server.port)
        try:
            yield client, inbox
        finally:
            client.smtp.close()


@contextlib.contextmanager
def sockets() -> Iterator[Path]:
    """Yield a folder for sockets, whose path is short enough for them."""
    with tempfile.TemporaryDirectory(prefix="milter", dir="/tmp") as name:
        yield Path(name)
