"""clamd and programs that scan messages: what they say, and what becomes of the message."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.machine import patience
from tests.milter.programs import running
from tests.milter.submitting import LONG, sockets, submitting
from tests.milter.test_session import mail
from tests.virus.test_attachments import PNG, with_attachment
from ualauth.milter.chain import UNAVAILABLE, Filtered
from ualauth.milter.mail import Mail, read_content
from ualauth.virus.clamd import ScannerError
from ualauth.virus.scanning import EICAR, check, scan, try_scanner
from ualauth.virus.settings import ScannerSettings

CLEAN = b"Subject: x\r\n\r\nhello\r\n"
INFECTED = b"Subject: x\r\n\r\n" + EICAR + b"\r\n"


def mail_of(content: bytes) -> Mail:
    fields, body = read_content(content)
    like = mail()
    return Mail(like.client, like.sender, like.recipients, fields, body, queue_id="4F2")


def scanned(content: bytes, *scanners: ScannerSettings, events: tuple[str, ...] = ()) -> Filtered:
    return asyncio.run(scan(scanners, mail_of(content), events))


@contextlib.contextmanager
def clamd(folder: Path) -> Iterator[str]:
    """Run clamd with a signature of one line; yield its socket."""
    socket, base, file = folder / "clamd", folder / "base", folder / "clamd.conf"
    base.mkdir()
    (base / "local.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
    file.write_text(
        f"DatabaseDirectory {base}\nForeground yes\nLocalSocket {socket}\nUser root\n"
        "StreamMaxLength 1M\n"
    )
    log = folder / "clamd.log"
    with running(["clamd", "-c", str(file)], socket, log, is_milter=False):
        yield str(socket)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sockets() as folder, clamd(folder) as socket:
        yield socket


def of(address: str, **more: Any) -> ScannerSettings:
    return ScannerSettings(address, timeout=LONG, **more)


def test_clamd_is_tried_by_the_eicar_string(address: str) -> None:
    asyncio.run(try_scanner(of(address)))


def test_a_virus_is_refused(address: str) -> None:
    assert scanned(CLEAN, of(address)) == Filtered(mail_of(CLEAN))
    answer = scanned(INFECTED, of(address))
    assert answer.reply == "550 5.7.1 virus found: Eicar-Test.UNOFFICIAL"


def test_a_virus_in_an_attachment_is_seen(address: str) -> None:
    assert scanned(with_attachment(EICAR, "a.txt"), of(address)).reply.startswith("550 ")


def test_an_infected_message_is_dropped_marked_or_kept(address: str, tmp_path: Path) -> None:
    answer = scanned(INFECTED, of(address, infected="discard"))
    assert (answer.reply, answer.is_dropped) == ("", True)
    forged = b"x-virus-status: Clean\r\n" + INFECTED
    answer = scanned(forged, of(address, infected="header"))
    assert answer.mail.content == (
        b"X-Virus-Status: Infected Eicar-Test.UNOFFICIAL\r\n" + INFECTED.replace(b": x", b": x")
    )
    answer = scanned(CLEAN, of(address, infected="header"))
    assert answer.mail.content == b"X-Virus-Status: Clean\r\n" + CLEAN
    scanner = of(address, infected="quarantine", quarantine=str(tmp_path))
    answer = scanned(INFECTED, scanner)
    assert (answer.reply, answer.is_dropped) == ("", True)
    assert (tmp_path / "4F2.eml").read_bytes() == INFECTED
    reason = json.loads((tmp_path / "4F2.json").read_text())["reason"]
    assert reason == "virus found: Eicar-Test.UNOFFICIAL"


def test_what_is_too_large_for_clamd_is_deferred(address: str) -> None:
    large = CLEAN + b"x" * 3_000_000
    assert scanned(large, of(address)).reply == UNAVAILABLE
    assert not scanned(large, of(address, default_action="accept")).reply
    # A scanner behind one that could not check is asked all the same.
    both = of(address, size_limit=10, default_action="accept"), of(address)
    assert scanned(INFECTED, *both).reply.startswith("550 ")


def test_a_server_refuses_a_virus_in_the_dialogue(address: str, tmp_path: Path) -> None:
    with submitting(tmp_path, scanners=[of(address, infected="header")]) as (client, inbox):
        assert client.send(CLEAN)[0] == 250
        assert client.send(INFECTED)[0] == 250
    with submitting(tmp_path, scanners=[of(address)]) as (client, _):
        assert client.send(INFECTED)[1].startswith("5.7.1 virus found: Eicar-Test")
        assert client.send(CLEAN)[0] == 250
    with submitting(tmp_path, scanners=[ScannerSettings("/nowhere/clamd")]) as (client, _):
        assert client.send(CLEAN)[0] == 451
    heads = [content.partition(b"\r\n")[0] for _, _, content in inbox.messages]
    marks = [b"X-Virus-Status: Clean", b"X-Virus-Status: Infected Eicar-Test.UNOFFICIAL"]
    assert heads == marks


def test_a_scanner_is_asked_only_about_its_events(address: str) -> None:
    scanner = of(address, events=("ANONYMOUS",))
    assert not scanned(INFECTED, scanner, events=("SUBMIT", "AUTH_SUCCESS")).reply
    assert scanned(INFECTED, scanner, events=("SUBMIT", "ANONYMOUS")).reply.startswith("550 ")


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(octets: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(struct.pack("!I", 0))
        writer.write(octets)
        await writer.drain()

    return talk


async def says_at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"stream: OK\0")
    await writer.drain()


async def hangs(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass


HOSTILE = {
    "nothing": says(b""),
    "no end": says(b"stream: OK"),
    "more": says(b"stream: OK or not\0"),
    "error": says(b"INSTREAM size limit exceeded. ERROR\0"),
    "another": says(b"HTTP/1.1 200 OK\r\n\0"),
    "long": says(b"stream: " + b"x" * 100_000 + b" FOUND\0"),
    "at once": says_at_once,
}


async def asked(folder: Path, talk: Talk, seconds: float = LONG) -> Filtered:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.transport.abort() if talk is says_at_once else writer.close()

    server = await asyncio.start_unix_server(serve, str(folder / "s"))
    try:
        content = CLEAN + b"x" * 10_000_000 if talk is says_at_once else CLEAN
        settings = ScannerSettings(str(folder / "s"), timeout=seconds)
        return await scan([settings], mail_of(content), ())
    finally:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)


@pytest.mark.parametrize("talk", HOSTILE.values(), ids=HOSTILE)
def test_an_answer_that_is_none_defers_the_message(talk: Talk) -> None:
    with sockets() as folder:
        assert asyncio.run(asked(folder, talk)).reply == UNAVAILABLE


def test_a_scanner_that_hangs_or_is_gone_defers_the_message() -> None:
    with sockets() as folder:
        assert asyncio.run(asked(folder, hangs, seconds=0.05)).reply == UNAVAILABLE
        gone = str(folder / "gone")
        assert scanned(CLEAN, ScannerSettings(gone)).reply == UNAVAILABLE


# Programs


def program(folder: Path, text: str, **more: Any) -> ScannerSettings:
    path = folder / "scanner"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    codes = {"0": "clean", "1": "infected"}
    return ScannerSettings("", (str(path), "-q", "{file}"), codes, timeout=LONG, **more)


SEARCH = 'grep -q EICAR-STANDARD "$2" && exit 1; exit 0'


def test_a_program_says_it_by_its_exit_status(tmp_path: Path) -> None:
    scanner = program(tmp_path, SEARCH)
    asyncio.run(try_scanner(scanner))
    assert not scanned(CLEAN, scanner).reply
    assert scanned(INFECTED, scanner).reply == "550 5.7.1 virus found"


@pytest.mark.parametrize("text", ["exit 2", "kill -9 $$", "exit 255"])
def test_another_status_could_not_check(tmp_path: Path, text: str) -> None:
    assert scanned(CLEAN, program(tmp_path, text)).reply == UNAVAILABLE


def test_a_program_that_is_not_there_could_not_check() -> None:
    scanner = ScannerSettings("", ("/nowhere/scanner", "{file}"), {"0": "clean"})
    assert scanned(CLEAN, scanner).reply == UNAVAILABLE


def test_a_program_sees_a_private_file_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    seen = tmp_path / "seen"
    text = f'{{ env; stat -c %a "$(dirname "$2")"; echo "$2"; cat "$2"; }} >{seen}; read x; exit 0'
    assert not scanned(CLEAN, program(tmp_path, text)).reply
    lines = seen.read_text()
    assert "s3cret" not in lines
    assert "\n700\n" in lines
    path = next(Path(line) for line in lines.splitlines() if line.startswith("/tmp/"))
    assert not path.exists()
    assert not path.parent.exists()
    assert lines.endswith("Subject: x\n\nhello\n")


def wait_until(it_is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + patience(60)
    while not it_is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def has_ended(number: str) -> bool:
    """Whether a process is not there any more, or waits for its parent alone."""
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


def test_a_program_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    scanner = program(
        tmp_path, f"sleep 1000 & echo $! $$ >{started}.new; mv {started}.new {started}; wait"
    )

    async def give_up() -> None:
        scan_under_way = asyncio.create_task(check(scanner, CLEAN))
        await asyncio.to_thread(wait_until, started.exists)
        scan_under_way.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await scan_under_way

    asyncio.run(give_up())
    for number in started.read_text().split():
        wait_until(partial(has_ended, number))


def test_no_more_programs_run_at_once_than_allowed(tmp_path: Path) -> None:
    running_now, most = tmp_path / "running", tmp_path / "most"
    running_now.mkdir()
    text = (
        f"mkdir {running_now}/$$; ls {running_now} | wc -l >>{most}; sleep 0.02; "
        f"rmdir {running_now}/$$; exit 0"
    )
    scanner = program(tmp_path, text, at_once=2)

    async def several() -> None:
        await asyncio.gather(*(check(scanner, CLEAN) for _ in range(8)))

    asyncio.run(several())
    counts = [int(line) for line in most.read_text().split()]
    assert len(counts) == 8
    assert max(counts) <= 2


def test_a_scanner_that_finds_nothing_fails_its_start_test(tmp_path: Path) -> None:
    with pytest.raises(ScannerError, match="EICAR test string is clean"):
        asyncio.run(try_scanner(program(tmp_path, "exit 0")))
    with pytest.raises(ScannerError, match="harmless message is infected"):
        asyncio.run(try_scanner(program(tmp_path, "exit 1")))


def test_a_picture_is_left_out_and_the_message_stays_whole(address: str) -> None:
    content = with_attachment(PNG, "a.png")
    assert scanned(content, of(address)).reply.startswith("550 ")
    answer = scanned(content, of(address, leave_out=("image/png",)))
    assert not answer.reply
    assert answer.mail.content == content
