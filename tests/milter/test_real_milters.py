"""Milters that administrators have: a message goes through each, in the aiosmtpd adapter."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.milter.submitting import LONG, RULES, running, sockets, submitting
from ualauth.milter.settings import MilterSettings

FROM = (
    b"From: John <john@example.com>\r\nSubject: x\r\nMessage-ID: <1@example.com>\r\n"
    b"Date: Mon, 30 Nov 2026 06:00:00 +0000\r\n\r\n"
)
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
def opendkim(folder: Path) -> Iterator[Path]:
    socket = folder / "dkim"
    subprocess.run(
        ["opendkim-genkey", "-b", "2048", "-d", "example.com", "-s", "s1", "-D", str(folder)],
        check=True,
    )
    file = folder / "opendkim.conf"
    file.write_text(
        f"Mode s\nDomain example.com\nSelector s1\nKeyFile {folder}/s1.private\n"
        f"Socket local:{socket}\nInternalHosts 127.0.0.1\nRequireSafeKeys no\n"
    )
    with running(["opendkim", "-f", "-x", str(file)], socket, folder / "dkim.log"):
        yield socket


@contextlib.contextmanager
def opendmarc(folder: Path) -> Iterator[Path]:
    socket = folder / "dmarc"
    file = folder / "opendmarc.conf"
    file.write_text(f"Socket local:{socket}\nAuthservID mx.example.com\nRejectFailures no\n")
    with running(["opendmarc", "-f", "-c", str(file)], socket, folder / "dmarc.log"):
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
    milter.write_text(
        f"MilterSocket unix:{socket}\nClamdSocket unix:{scanner}\nForeground yes\nUser root\n"
        "OnInfected Reject\nOnFail Defer\nRejectMsg virus found: %v\nAddHeader Replace\n"
    )
    with (
        running(["clamd", "-c", str(daemon)], scanner, folder / "clamd.log"),
        running(["clamav-milter", "-c", str(milter)], socket, folder / "clam.log"),
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


@pytest.mark.skipif(not shutil.which("opendkim"), reason="opendkim is not installed")
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
    assert b"d=example.com; s=s1" in head
    assert b"\r\nX-Scalix-Authenticated-Sender: " in head


@pytest.mark.skipif(not shutil.which("clamav-milter"), reason="clamav-milter is not installed")
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


def test_milters_are_asked_only_where_filters_are_wanted(tmp_path: Path) -> None:
    gone = MilterSettings("/nowhere/milter")
    with submitting(tmp_path, gone, rules=RULES.replace("SMTPFILTER=TRUE\n", "")) as (
        client,
        inbox,
    ):
        assert client.send()[0] == 250
    assert len(inbox.messages) == 1
