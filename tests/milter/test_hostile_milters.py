"""Milters that die, hang, lie or flood: the message is not let through, and nothing stays."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from tests.milter.submitting import LONG, sockets
from tests.milter.test_session import mail
from ualauth.milter import messages as m
from ualauth.milter.chain import UNAVAILABLE, Filtered, MilterChain
from ualauth.milter.codec import encode
from ualauth.milter.flags import Actions, Steps
from ualauth.milter.settings import MilterSettings

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WANTS = encode(m.Negotiate(6, Actions.ALL, Steps.NONE))
YES = encode(m.Continue())


def says(*octets: bytes) -> Talk:
    """Return a milter that says something to the first packet, and goes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"".join(octets))
        await writer.drain()

    return talk


async def hangs(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass


async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            (length,) = struct.unpack("!I", await reader.readexactly(4))
            body = await reader.readexactly(length)
        except asyncio.IncompleteReadError:
            writer.close()
            return
        if body[:1] == b"O":
            writer.write(WANTS)
        elif body[:1] == b"E":
            writer.write(encode(m.AddHeader("X-Good", "yes")) + YES)
        elif body[:1] not in b"DAQ":
            writer.write(YES)


async def ended(chain: MilterChain, *servers: asyncio.Server) -> None:
    """Close both sides, and let the loop close their sockets."""
    chain.close()
    for server in servers:
        server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
    for _ in range(5):
        await asyncio.sleep(0)


async def asked(
    folder: Path, *talks: Talk, actions: Iterable[str] = (), seconds: float = LONG
) -> Filtered:
    """Return what becomes of a message that milters with these default actions see."""
    milters, servers = [], []
    defaults = [*actions, *["tempfail"] * len(talks)]
    for number, talk in enumerate(talks):

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, talk: Talk = talk
        ) -> None:
            try:
                await talk(reader, writer)
            except OSError:
                pass
            finally:
                writer.close()

        path = str(folder / f"{number}")
        servers.append(await asyncio.start_unix_server(serve, path))
        action = defaults[number]
        milters.append(MilterSettings(path, seconds, seconds, default_action=action))
    chain = MilterChain(milters)
    try:
        return await chain.filter(mail(), ())
    finally:
        await ended(chain, *servers)


HOSTILE = {
    "dies": says(),
    "dies later": says(WANTS, YES),
    "dies in a length": says(WANTS, b"\0\0"),
    "dies in a packet": says(WANTS, b"\0\0\0\x09c"),
    "no length": says(struct.pack("!I", 0)),
    "four gigabytes": says(b"\xff\xff\xff\xffO"),
    "HTTP": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "unknown reply": says(WANTS, b"\0\0\0\1?"),
    "too much behind a reply": says(WANTS, b"\0\0\0\2cc"),
    "change too early": says(WANTS, encode(m.AddHeader("X", "1"))),
    "progress without end": says(WANTS, encode(m.Progress()) * 20_000),
    "changes without end": says(WANTS, YES * 9, encode(m.AddHeader("X", "1")) * 20_000),
    "body without end": says(WANTS, YES * 9, encode(m.ReplaceBody(b"x" * 65535)) * 400),
    "header of the server": says(WANTS, YES * 9, encode(m.AddHeader("X-Scalix-A", "1")), YES),
    "own reply that is none": says(WANTS, encode(m.ReplyCode("250 ok"))),
}


@pytest.mark.parametrize("talk", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_milter_defers_the_message(talk: Talk) -> None:
    with sockets() as folder:
        answer = asyncio.run(asked(folder, talk))
    assert answer.reply == UNAVAILABLE
    assert not answer.is_dropped


@pytest.mark.parametrize("talk", HOSTILE.values(), ids=HOSTILE)
def test_where_the_administrator_says_so_the_next_milter_sees_what_came(talk: Talk) -> None:
    with sockets() as folder:
        answer = asyncio.run(asked(folder, talk, good, actions=["accept"]))
    assert not answer.reply
    assert answer.mail.content == mail().content.replace(b"X-A:1", b"X-A:1\r\nX-Good: yes")


def test_a_milter_that_says_nothing_is_given_up() -> None:
    with sockets() as folder:
        answer = asyncio.run(asked(folder, hangs, seconds=0.05))
    assert answer.reply == UNAVAILABLE


def test_a_milter_that_is_not_there_defers_the_message() -> None:
    chain = MilterChain([MilterSettings("/nowhere/milter")])
    assert asyncio.run(chain.filter(mail(), ())).reply == UNAVAILABLE


def test_a_milter_is_asked_only_about_its_events() -> None:
    chain = MilterChain([MilterSettings("/nowhere/milter", events=("ANONYMOUS",))])
    assert not asyncio.run(chain.filter(mail(), ("SUBMIT", "AUTH_SUCCESS"))).reply
    assert asyncio.run(chain.filter(mail(), ("SUBMIT", "ANONYMOUS"))).reply == UNAVAILABLE


def test_a_milter_that_failed_is_asked_again_by_a_new_connection() -> None:
    async def ask_again() -> list[str]:
        with sockets() as folder:
            path = str(folder / "m")
            chain = MilterChain([MilterSettings(path, LONG, LONG)])
            first = await chain.filter(mail(), ())
            server = await asyncio.start_unix_server(good, path)
            second = await chain.filter(mail(), ())
            await ended(chain, server)
            return [first.reply, second.reply]

    assert asyncio.run(ask_again()) == [UNAVAILABLE, ""]
