"""clamd, asked by its socket: INSTREAM of clamd(8)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct

from ualauth.milter.settings import host_and_port
from ualauth.virus.settings import Verdict

_CHUNK = 1 << 16
_LENGTH = struct.Struct("!I")
_LONGEST = 4096
"""The most octets of an answer; it is one line with the name of a virus."""
_FOUND = re.compile(rb"stream: (.+) FOUND")


class ScannerError(Exception):
    """A message could not be checked; it never has the message's content."""


async def ask_clamd(address: str, content: bytes) -> tuple[Verdict, str]:
    """Return what clamd says of a message, and the name of the virus.

    Raises:
        ScannerError, OSError: if clamd could not check it.

    """
    if address.startswith("/"):
        reader, writer = await asyncio.open_unix_connection(address, limit=_LONGEST)
    else:
        reader, writer = await asyncio.open_connection(*host_and_port(address), limit=_LONGEST)
    try:
        # A message that is too large is answered before all of it is there: the answer counts.
        is_sent = False
        with contextlib.suppress(ConnectionError):
            await _send(writer, content)
            is_sent = True
        verdict, virus = _verdict(await _answer(reader))
        if verdict is Verdict.CLEAN and not is_sent:
            raise ScannerError("clamd did not take all of the message")
        return verdict, virus
    finally:
        writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(b"zINSTREAM\0")
    for start in range(0, len(content), _CHUNK):
        chunk = content[start : start + _CHUNK]
        writer.write(_LENGTH.pack(len(chunk)) + chunk)
        await writer.drain()
    writer.write(_LENGTH.pack(0))
    await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\0"))[:-1]
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ScannerError("no answer of clamd") from error


def _verdict(answer: bytes) -> tuple[Verdict, str]:
    if answer == b"stream: OK":
        return Verdict.CLEAN, ""
    match = _FOUND.fullmatch(answer)
    if match:
        return Verdict.INFECTED, match[1].decode("ascii", "replace")
    raise ScannerError(f"clamd says {answer.decode('ascii', 'replace')!r}")
