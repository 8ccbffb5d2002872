"""Milters that administrators have: a message goes through each, in the aiosmtpd adapter."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.milter.programs import opendkim, opendmarc, running
from tests.milter.recipes import commands, configured
from tests.milter.submitting import LONG, RULES, sockets, submitting
from ualauth.milter.settings import MilterSettings

FROM = (
    b"From: John <john@example.com>\r\nSubject: x\r\nMessage-ID: <1@example.com>\r\n"
    b"Date: Mon, 30 Nov 2026 06:00:00 +0000\r\n\r\n"
)
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EI" + rb"CAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def settings(socket: Path, **more: Any) -> MilterSettings:
    return MilterSettings(str(socket), timeout=LONG, content_timeout=LONG, **more)


@contextlib.contextmanager
def every_action(folder: Path) -> Iterator[Path]:
    socket = folder / "every"
    script = str(Path(__file__).with_name("every_action.py"))
    with running(["/usr/bin/python3", script, str(socket)], socket, folder / "every.log"):
        yield socket


@contextlib.contextmanager
def clamav(folder: Path) -> Iterator[Path]:
    """Run clamd with a signature file of one line, and clamav-milter."""
    scanner, socket, base = folder / "clamd", folder / "clam", folder / "base"
    base.mkdir()
    (base / "local.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
    daemon, milter = folder / "clamd.conf", folder / "clamav-milter.conf"
    daemon.write_text(
        f"DatabaseDirectory {base}\nForeground yes\nLocalSocket {scanner}\nUser root\n"
    )
    replaced = {"MilterSocket": f"unix:{socket}", "ClamdSocket": f"unix:{scanner}"}
    milter.write_text(configured("clamav-milter", replaced, "Foreground yes", "User root"))
    with (
        running(["clamd", "-c", str(daemon)], scanner, folder / "clamd.log", is_milter=False),
        running(["clamav-milter", "-c", str(milter)], socket, folder / "clam.log"),
    ):
        yield socket


@contextlib.contextmanager
def spamassassin(folder: Path, *, refuses: bool) -> Iterator[Path]:
    """Run spamd with its own rules, and spamass-milter, which calls `spamc` for each message."""
    daemon, socket, home = (folder / name for name in ("spamd", "spam", "home"))
    home.mkdir()
    replaced = {"/run/spamd.sock": daemon, "/run/spamass/spamass.sock": socket}
    scanning, filtering = commands("spamass-milter", replaced)
    scanning += ["-x", "--max-children=1", "--min-children=1", "-H", str(home), "-s", "stderr"]
    if not refuses:
        at = filtering.index("-r")
        del filtering[at : at + 2]
    with (
        running(scanning, daemon, folder / "spamd.log", is_milter=False),
        running(filtering, socket, folder / "spam.log"),
    ):
        yield socket


def test_a_milter_by_libmilter_changes_everything(tmp_path: Path) -> None:
    with (
        sockets() as folder,
        every_action(folder) as socket,
        submitting(tmp_path, settings(socket)) as (client, inbox),
    ):
        assert client.send(recipients=["bob@example.com", "gone@example.com"]) == (
            250,
            "2.0.0 kept",
        )
        # The same connection takes the next message.
        assert client.send()[0] == 250
    sender, recipients, content = inbox.messages[0]
    assert (sender, recipients) == ("changed@example.com", ["bob@example.com", "added@example.com"])
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[:2] == [b"X-First: folded", b"\tvalue"]
    assert lines[2].startswith(b"X-Scalix-Authenticated-Sender: ")
    assert b"Subject: changed" in lines
    assert not any(line.startswith(b"X-Gone") for line in lines)
    told = b"X-Told: <bob@example.com> <gone@example.com> 10 john"
    assert lines[-1].lower().startswith(told[:47].lower())
    assert body == b"new body\r\n.\r\n"
    assert len(inbox.messages) == 2


def test_a_recipient_that_a_milter_refuses_refuses_the_message(tmp_path: Path) -> None:
    with (
        sockets() as folder,
        every_action(folder) as socket,
        submitting(tmp_path, settings(socket)) as (client, inbox),
    ):
        answer = client.send(recipients=["bob@example.com", "nobody@example.com"])
        assert answer == (550, "5.1.1 no such user")
        assert client.send()[0] == 250
    assert len(inbox.messages) == 1


def test_a_message_is_dropped_or_quarantined(tmp_path: Path) -> None:
    quarantine = tmp_path / "quarantine"
    quarantine.mkdir()
    with sockets() as folder, every_action(folder) as socket:
        with submitting(tmp_path, settings(socket)) as (client, inbox):
            assert client.send(sender="discard@example.com")[0] == 250
            assert client.send(sender="quarantine@example.com")[0] == 451
        assert not inbox.messages
        milter = settings(socket, quarantine=str(quarantine))
        with submitting(tmp_path, milter) as (client, inbox):
            assert client.send(sender="quarantine@example.com")[0] == 250
        assert not inbox.messages
    (message,) = quarantine.glob("*.eml")
    (envelope,) = quarantine.glob("*.json")
    assert len(list(quarantine.iterdir())) == 2
    assert message.read_bytes().endswith(b"\r\n\r\nold body\r\n")
    assert message.stat().st_mode & 0o777 == 0o600
    assert json.loads(envelope.read_text())["reason"] == "to be looked at"


def test_opendkim_signs_after_opendmarc(tmp_path: Path) -> None:
    with (
        sockets() as folder,
        opendkim(folder) as dkim,
        opendmarc(folder) as dmarc,
        submitting(tmp_path, settings(dmarc), settings(dkim)) as (client, inbox),
    ):
        assert client.send(FROM + b"hello\r\n")[0] == 250
    head = inbox.messages[0][2].partition(b"\r\n\r\n")[0]
    assert head.startswith(b"DKIM-Signature: v=1; ")
    assert b"\r\nAuthentication-Results: mx.example.com; dmarc=" in head
    assert b"\r\nDMARC-Filter: OpenDMARC Filter v1" in head
    assert b"d=example.com; s=s1" in head
    assert b"\r\nX-Scalix-Authenticated-Sender: " in head


def test_a_virus_is_refused_and_a_scanner_that_is_gone_defers(tmp_path: Path) -> None:
    with sockets() as folder:
        with (
            clamav(folder) as socket,
            submitting(tmp_path, settings(socket)) as (client, inbox),
        ):
            assert client.send(FROM + b"hello\r\n")[0] == 250
            code, text = client.send(FROM + EICAR + b"\r\n")
            assert code == 550
            assert text.startswith("5.7.1 virus found: Eicar-Test")
        assert b"X-Virus-Status: Clean" in inbox.messages[0][2]
        assert len(inbox.messages) == 1
        with submitting(tmp_path, settings(socket)) as (client, inbox):
            assert client.send(FROM + b"hello\r\n")[0] == 451
        assert not inbox.messages


def test_spam_is_refused_by_spamassassin(tmp_path: Path) -> None:
    with (
        sockets() as folder,
        spamassassin(folder, refuses=True) as socket,
        submitting(tmp_path, settings(socket)) as (client, inbox),
    ):
        assert client.send(FROM + b"hello\r\n")[0] == 250
        assert client.send(FROM + GTUBE + b"\r\n") == (550, "5.7.1 Blocked by SpamAssassin")
    ((_, _, content),) = inbox.messages
    assert b"\r\nX-Spam-Status: No, score=" in content
    assert content.endswith(b"\r\n\r\nhello\r\n")


def test_spam_is_marked_by_spamassassin(tmp_path: Path) -> None:
    with (
        sockets() as folder,
        spamassassin(folder, refuses=False) as socket,
        submitting(tmp_path, settings(socket)) as (client, inbox),
    ):
        assert client.send(FROM + GTUBE + b"\r\n")[0] == 250
        assert client.send(FROM + b"hello\r\n")[0] == 250
    (_, _, spam), (_, _, content) = inbox.messages
    head, _, body = spam.partition(b"\r\n\r\n")
    assert b"\r\nX-Spam-Flag: YES\r\n" in head
    # Its headers are folded by LF and TAB; here a line ends with CRLF.
    assert b"\r\nX-Spam-Status: Yes, score=" in head
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\r\nContent-Type: multipart/mixed; boundary=" in head
    assert body.startswith(b"This is a multi-part message in MIME format.\r\n")
    assert GTUBE in body
    assert b"X-Spam-Flag: YES" not in content


def test_milters_are_asked_only_where_filters_are_wanted(tmp_path: Path) -> None:
    gone = MilterSettings("/nowhere/milter")
    with submitting(tmp_path, gone, rules=RULES.replace("SMTPFILTER=TRUE\n", "")) as (
        client,
        inbox,
    ):
        assert client.send()[0] == 250
    assert len(inbox.messages) == 1
