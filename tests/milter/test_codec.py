"""The octets of the milter protocol: both ways, against lies, and as `miltertest` writes them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miltertest import codec

from ualauth.milter import messages as m
from ualauth.milter.codec import (
    MAX_PACKET,
    MilterError,
    PacketReader,
    decode_command,
    decode_reply,
    encode,
    packet,
)
from ualauth.milter.flags import Actions, Family, Stage, Steps

independent: Any = codec
COMMANDS: list[m.Command] = [
    m.Negotiate(6, Actions.ALL, Steps.ALL),
    m.Negotiate(
        2, Actions.NONE, Steps.NO_BODY, {Stage.MAIL: ("i", "{auth_authen}"), Stage.DATA: ()}
    ),
    m.Macros(b"M", (("i", "4F2"), ("{auth_authen}", "jürgen"), ("j", ""))),
    m.Macros(b"H"),
    m.Connect("mx.example.com", Family.INET, 25, "192.0.2.7"),
    m.Connect("localhost", Family.INET6, 65535, "IPv6:::1"),
    m.Connect("localhost", Family.UNIX, 0, "/run/mail"),
    m.Connect("unknown"),
    m.Helo("[192.0.2.7]"),
    m.Mail("<>", ()),
    m.Mail("<ann@example.com>", ("SIZE=12", "BODY=8BITMIME")),
    m.Recipient("<\udcff@example.com>", ("NOTIFY=NEVER",)),
    m.Data(),
    m.Header("Subject", " folded\n\tvalue"),
    m.EndOfHeaders(),
    m.Body(b".\r\n\0\xff"),
    m.EndOfMessage(),
    m.EndOfMessage(b"last"),
    m.Unknown("FOO bar"),
    m.Abort(),
    m.QuitForNext(),
    m.Quit(),
]
REPLIES: list[m.Reply] = [
    m.Negotiate(6, Actions.ADD_HEADERS, Steps.NO_HELO | Steps.SKIP),
    m.Continue(),
    m.Accept(),
    m.Reject(),
    m.TempFail(),
    m.Discard(),
    m.ReplyCode("550 5.7.1 no"),
    m.Skip(),
    m.ConnectionFailed(),
    m.Shutdown(),
    m.Progress(),
    m.AddHeader("X-A", "1"),
    m.InsertHeader(0, "X-A", "1"),
    m.ChangeHeader(4294967295, "X-A", ""),
    m.ReplaceBody(b"\0new\r\n"),
    m.AddRecipient("<b@example.com>"),
    m.AddRecipientWithArguments("<b@example.com>", ("NOTIFY=NEVER",)),
    m.DeleteRecipient("<b@example.com>"),
    m.ChangeSender("<c@example.com>"),
    m.ChangeSender("<c@example.com>", ("SIZE=1",)),
    m.Quarantine("why"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_a_command_comes_back_as_it_was(command: m.Command) -> None:
    ((code, data),) = PacketReader().receive(encode(command))
    assert decode_command(code, data) == command


@pytest.mark.parametrize("reply", REPLIES, ids=repr)
def test_a_reply_comes_back_as_it_was(reply: m.Reply) -> None:
    ((code, data),) = PacketReader().receive(encode(reply))
    assert decode_reply(code, data) == reply


def test_packets_come_whole_however_their_octets_come() -> None:
    wire = b"".join(map(encode, COMMANDS))
    for size in (1, 2, 7, len(wire)):
        reader = PacketReader()
        commands = [
            decode_command(*each)
            for start in range(0, len(wire), size)
            for each in reader.receive(wire[start : start + size])
        ]
        assert commands == COMMANDS


@pytest.mark.parametrize("length", [0, MAX_PACKET + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_refused_before_anything_is_held(length: int) -> None:
    with pytest.raises(MilterError):
        list(PacketReader().receive(struct.pack("!I", length)))


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (b"?", b""),
        (b"", b""),
        (b"c", b"x"),
        (b"h", b"name\0value"),
        (b"h", b"name"),
        (b"h", b"name\0value\0more\0"),
        (b"i", b"\0\0\0"),
        (b"y", b"550 no"),
        (b"+", b""),
        (b"O", b"\0\0\0\6"),
        (b"O", b"\0" * 12 + b"\0\0\0\x07i\0"),
        (b"O", b"\0" * 12 + b"\0\0\0\x01i"),
        (b"e", b"<a@b>\0size"),
    ],
)
def test_a_reply_that_lies_is_refused(code: bytes, data: bytes) -> None:
    with pytest.raises(MilterError):
        decode_reply(code, data)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (b"C", b"host\0"),
        (b"C", b"host\0X\0\x19a\0"),
        (b"C", b"host\x004\0"),
        (b"C", b"host\x004\0\x19127.0.0.1"),
        (b"D", b""),
        (b"D", b"?i\0a\0"),
        (b"D", b"Mi\0"),
        (b"M", b"<a@b>"),
        (b"M", b""),
        (b"c", b""),
    ],
)
def test_a_command_that_lies_is_refused(code: bytes, data: bytes) -> None:
    with pytest.raises(MilterError):
        decode_command(code, data)


@pytest.mark.parametrize(
    "message",
    [
        m.Helo("a\0b"),
        m.Header("X", "a\0b"),
        m.InsertHeader(1 << 32, "X", ""),
        m.InsertHeader(-1, "X", ""),
    ],
)
def test_what_cannot_be_said_is_not_said(message: m.Message) -> None:
    with pytest.raises(MilterError):
        encode(message)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_octets_are_messages_or_an_error(octets: bytes) -> None:
    for decode in (decode_command, decode_reply):
        try:
            message = decode(octets[:1], octets[1:])
        except MilterError:
            continue
        again = encode(message)
        assert decode(again[4:5], again[5:]) == message


FIELDS: dict[str, Any] = {
    "C": lambda x: {
        "hostname": x.host,
        "family": str(x.family),
        "port": x.port,
        "address": x.address,
    },
    "D": lambda x: {"cmdcode": x.command.decode(), "nameval": [t for p in x.values for t in p]},
    "H": lambda x: {"helo": x.name},
    "M": lambda x: {"args": [x.sender, *x.arguments]},
    "R": lambda x: {"args": [x.recipient, *x.arguments]},
    "L": lambda x: {"name": x.name, "value": x.value},
    "B": lambda x: {"buf": x.chunk.decode()},
    "b": lambda x: {"buf": x.chunk.decode()},
    "O": lambda x: {"version": x.version, "actions": int(x.actions), "protocol": int(x.steps)},
    "y": lambda x: {"smtpcode": x.text[:3], "space": " ", "text": x.text[4:]},
    "h": lambda x: {"name": x.name, "value": x.value},
    "i": lambda x: {"index": x.index, "name": x.name, "value": x.value},
    "m": lambda x: {"index": x.index, "name": x.name, "value": x.value},
    "+": lambda x: {"rcpt": x.recipient},
    "2": lambda x: {"rcpt": x.recipient, "args": list(x.arguments)},
    "-": lambda x: {"rcpt": x.recipient},
    "e": lambda x: {"from": x.sender, "args": list(x.arguments)},
    "q": lambda x: {"reason": x.reason},
}


UNKNOWN_TO_IT = [
    COMMANDS[1],
    m.Connect("unknown"),
    m.Unknown("FOO bar"),
    m.ConnectionFailed(),
    m.ChangeSender("<c@example.com>"),
]


def _known_to_it(message: m.Message) -> bool:
    """Whether the other package can say it: it has no macro lists, arguments are a must."""
    if isinstance(message, m.EndOfMessage):
        return not message.chunk
    return message not in UNKNOWN_TO_IT and b"\xff" not in encode(message)


@pytest.mark.parametrize(
    "message", [each for each in [*COMMANDS, *REPLIES] if _known_to_it(each)], ids=repr
)
def test_an_independent_package_writes_and_reads_the_same(message: m.Message) -> None:
    code = message.code.decode()
    fields = FIELDS.get(code, lambda _: {})(message)
    wire = encode(message)
    assert independent.encode_msg(code, **fields) == wire
    assert independent.decode_msg(wire) == (code, fields, b"")


def test_a_packet_has_its_length_in_front() -> None:
    assert packet(b"c") == b"\0\0\0\1c"
