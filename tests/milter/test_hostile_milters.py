"""Milters that die, hang, lie or flood: the message is not let through, and nothing stays."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
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
STEPS = 9
"""Commands before the end of the message `mail()`."""
YES = encode(m.Continue())


async def packets(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the names of the packets that a mail server sends."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            (length,) = struct.unpack("!I", await reader.readexactly(4))
            yield (await reader.readexactly(length))[:1]


def says(*octets: bytes) -> Talk:
    """Return a milter that says one thing to each packet that has a reply, and goes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = list(octets)
        async for name in packets(reader):
            if name in b"DAQ":
                continue
            writer.write(left.pop(0) if left else b"")
            await writer.drain()
            if not left:
                return

    return talk


async def hangs(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass


async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for name in packets(reader):
        if name == b"O":
            writer.write(WANTS)
        elif name == b"E":
            writer.write(encode(m.AddHeader("X-Good", "yes")) + YES)
        elif name not in b"DAQ":
            writer.write(YES)
    writer.close()


SILENCES = {
    b"C": Steps.NO_REPLY_CONNECT,
    b"H": Steps.NO_REPLY_HELO,
    b"M": Steps.NO_REPLY_MAIL,
    b"R": Steps.NO_REPLY_RECIPIENT,
    b"T": Steps.NO_REPLY_DATA,
    b"L": Steps.NO_REPLY_HEADER,
    b"N": Steps.NO_REPLY_END_OF_HEADERS,
    b"B": Steps.NO_REPLY_BODY,
}


def refuses(*, silent: bytes, replies_to: bytes = b"", knows_quit: bool = True) -> Talk:
    """Return a milter that refuses at the end; it has agreed to say nothing to some commands."""
    steps = Steps.NONE
    for name in silent:
        steps |= SILENCES[bytes([name])]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for name in packets(reader):
            if name == b"O":
                writer.write(encode(m.Negotiate(6, Actions.ALL, steps)))
            elif name == b"E":
                writer.write(encode(m.ReplyCode("550 5.7.1 no")))
            elif name == b"Q" and knows_quit:
                return
            elif name in replies_to or (name not in b"DAQ" and name not in silent):
                writer.write(YES)

    return talk


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
    "changes without end": says(WANTS, *[YES] * STEPS, encode(m.AddHeader("X", "1")) * 20_000),
    "body without end": says(WANTS, *[YES] * STEPS, encode(m.ReplaceBody(b"x" * 65535)) * 400),
    "header of the server": says(
        WANTS, *[YES] * STEPS, encode(m.AddHeader("X-Scalix-A", "1")) + YES
    ),
    "own reply that is none": says(WANTS, encode(m.ReplyCode("250 ok"))),
    "two replies at once": says(WANTS, YES, YES + YES, *[YES] * STEPS),
    "a reply after the last": says(WANTS, *[YES] * STEPS, YES + encode(m.Reject())),
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


@pytest.mark.parametrize("knows_quit", [True, False])
@pytest.mark.parametrize("silent", [*SILENCES, b"".join(SILENCES)])
def test_a_milter_that_keeps_silent_as_agreed_is_heard(silent: bytes, *, knows_quit: bool) -> None:
    with sockets() as folder:
        answer = asyncio.run(asked(folder, refuses(silent=silent, knows_quit=knows_quit)))
    assert answer.reply == "550 5.7.1 no"


@pytest.mark.parametrize("name", SILENCES)
def test_a_reply_where_silence_was_agreed_on_is_noticed(name: bytes) -> None:
    """It would be taken for that to the next command, and hide what is said of the message."""
    for silent in (name, b"".join(SILENCES)):
        with sockets() as folder:
            talk = refuses(silent=silent, replies_to=name)
            answer = asyncio.run(asked(folder, talk, actions=["tempfail"]))
        assert answer.reply == UNAVAILABLE


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


async def two_messages(talk: Talk) -> list[str]:
    """Return the replies to two messages of one client; the second connection is to another."""
    talks = [talk, good]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talks.pop(0)(reader, writer)
        finally:
            writer.close()

    with sockets() as folder:
        path = str(folder / "m")
        chain = MilterChain([MilterSettings(path, LONG, LONG)])
        server = await asyncio.start_unix_server(serve, path)
        first = await chain.filter(mail(), ())
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        second = await chain.filter(mail(), ())
        await ended(chain, server)
        return [first.reply, second.reply]


def test_a_milter_that_went_between_two_messages_is_asked_by_a_new_connection() -> None:
    async def goes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for name in packets(reader):
            writer.write(WANTS if name == b"O" else b"" if name in b"DAQ" else YES)
            if name == b"E":
                return

    assert asyncio.run(two_messages(goes)) == ["", ""]


def test_what_a_milter_says_between_two_messages_is_noticed() -> None:
    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for name in packets(reader):
            writer.write(WANTS if name == b"O" else b"" if name in b"DAQ" else YES)
            if name == b"E":
                break
        writer.write(encode(m.Reject()))

    assert UNAVAILABLE in asyncio.run(two_messages(talks))


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
