"""The mail server's side of one milter, for one connection of SMTP; no input or output.

`MilterSession.ask` is a generator. It yields octets to send, or a `Wait` for one packet, which
it is then sent as code and data, and returns an `Answer`. Whatever a milter says that it may
not say is a `MilterError`: the session is of no use then.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from ualauth.milter import messages as m
from ualauth.milter.changes import NEEDS
from ualauth.milter.codec import MAX_CHUNK, MilterError, decode_reply, encode
from ualauth.milter.flags import NEWEST, OLDEST, Actions, Stage, Steps
from ualauth.milter.macros import DEFAULTS, macros
from ualauth.milter.mail import Field, Mail

MAX_PROGRESS = 10_000
"""The most times that a milter may say that it needs longer, before a reply."""
MAX_CHANGES = 4_000
"""The most changes of one message, pieces of its body among them."""
MAX_CHANGED_OCTETS = 16 << 20
"""The most octets of all changes of a message, above twice its own."""
_REPLY_LINE = re.compile(r"([45]\d\d)[ -](.*)", re.DOTALL)
_MAX_REPLY_LINES, _MAX_REPLY_TEXT = 32, 500
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_DATA_SINCE = 4


class Wait(enum.Enum):
    """For what a packet is awaited: how long that may take depends on it."""

    COMMAND = enum.auto()
    CONTENT = enum.auto()


class Outcome(enum.Enum):
    """What a milter wants done with a message."""

    CONTINUE = enum.auto()
    REJECT = enum.auto()
    TEMPFAIL = enum.auto()
    DISCARD = enum.auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a milter says to a message; `reply` is its own reply of SMTP, or empty."""

    outcome: Outcome = Outcome.CONTINUE
    reply: str = ""
    changes: tuple[m.Reply, ...] = ()


Asking = Generator[bytes | Wait, tuple[bytes, bytes] | None, Answer]
_Replying = Generator[bytes | Wait, tuple[bytes, bytes] | None, m.Reply]
_CONTINUE = m.Continue()
_SIMPLE: Mapping[type[m.Reply], Answer] = {
    m.Accept: Answer(),
    m.Reject: Answer(Outcome.REJECT),
    m.TempFail: Answer(Outcome.TEMPFAIL),
    m.Discard: Answer(Outcome.DISCARD),
    m.ConnectionFailed: Answer(Outcome.TEMPFAIL),
    m.Shutdown: Answer(Outcome.TEMPFAIL),
}


class MilterSession:
    """What was agreed on with a milter, and what it said about the client."""

    def __init__(self) -> None:
        """Begin; nothing is agreed on."""
        self.version = 0
        self.actions = Actions.NONE
        self.steps = Steps.NONE
        self._names: Mapping[Stage, tuple[str, ...]] = DEFAULTS
        self._is_connected = False
        self._helo: str | None = None
        self._about_client: Answer | None = None

    def ask(self, mail: Mail) -> Asking:
        """Put a message to the milter."""
        yield from self.negotiate()
        if not self._is_connected:
            self._about_client = yield from self._client(mail)
            self._is_connected = True
        if self._about_client is not None:
            return self._about_client
        if self._helo != mail.client.helo:
            # It is told again after STARTTLS, where a client may call itself otherwise.
            self._helo = mail.client.helo
            helo = m.Helo(mail.client.helo)
            reply = yield from self._say(mail, helo, Stage.HELO, Steps.NO_HELO, Steps.NO_REPLY_HELO)
            self._about_client = _of_client(reply)
            if self._about_client is not None:
                return self._about_client
        answer = yield from self._message(mail)
        if answer is not None:
            # It did not come to the end of the message.
            yield encode(m.Abort())
            return answer
        return (yield from self._end(mail))

    def negotiate(self) -> Asking:
        """Agree on what is said and done, unless that has been done."""
        if self.version:
            return Answer()
        yield encode(m.Negotiate(NEWEST, Actions.ALL, Steps.ALL))
        answer = yield from _read(Wait.COMMAND)
        if not isinstance(answer, m.Negotiate):
            raise MilterError(f"{type(answer).__name__} instead of what it wants")
        if not OLDEST <= answer.version <= NEWEST:
            raise MilterError(f"version {answer.version}")
        # A flag's complement has no unknown bits.
        if answer.actions | Actions.ALL != Actions.ALL or answer.steps | Steps.ALL != Steps.ALL:
            raise MilterError("it wants what was not offered")
        self.version, self.actions, self.steps = answer.version, answer.actions, answer.steps
        self._names = {**DEFAULTS, **answer.macros}
        return Answer()

    def _client(
        self, mail: Mail
    ) -> Generator[bytes | Wait, tuple[bytes, bytes] | None, Answer | None]:
        client = mail.client
        connect = m.Connect(client.host, client.family, client.port, client.address)
        reply = yield from self._say(
            mail, connect, Stage.CONNECT, Steps.NO_CONNECT, Steps.NO_REPLY_CONNECT
        )
        return _of_client(reply)

    def _message(
        self, mail: Mail
    ) -> Generator[bytes | Wait, tuple[bytes, bytes] | None, Answer | None]:
        """Say everything before the end; return an answer that comes early."""
        for command, stage, left_out, silent in self._commands(mail):
            reply = yield from self._say(mail, command, stage, left_out, silent)
            if isinstance(reply, m.Skip):
                if not (isinstance(command, m.Body) and self.steps & Steps.SKIP):
                    raise MilterError("it skips what it may not skip")
                return None
            if reply != _CONTINUE:
                return _answer(reply)
        return None

    def _commands(self, mail: Mail) -> Generator[tuple[m.Command, Stage, Steps, Steps], None, None]:
        arguments = mail.sender_arguments
        yield (
            m.Mail(f"<{mail.sender}>", arguments),
            Stage.MAIL,
            Steps.NO_MAIL,
            Steps.NO_REPLY_MAIL,
        )
        for recipient, own in mail.recipients:
            command = m.Recipient(f"<{recipient}>", own)
            yield command, Stage.RECIPIENT, Steps.NO_RECIPIENT, Steps.NO_REPLY_RECIPIENT
        if self.version >= _DATA_SINCE:
            yield m.Data(), Stage.DATA, Steps.NO_DATA, Steps.NO_REPLY_DATA
        for field in mail.fields:
            header = self._header(field)
            yield header, Stage.DATA, Steps.NO_HEADERS, Steps.NO_REPLY_HEADER
        yield (
            m.EndOfHeaders(),
            Stage.END_OF_HEADERS,
            Steps.NO_END_OF_HEADERS,
            Steps.NO_REPLY_END_OF_HEADERS,
        )
        for start in range(0, len(mail.body), MAX_CHUNK):
            chunk = m.Body(mail.body[start : start + MAX_CHUNK])
            yield chunk, Stage.DATA, Steps.NO_BODY, Steps.NO_REPLY_BODY

    def _header(self, field: Field) -> m.Header:
        value = field.value.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        if not self.steps & Steps.LEADING_SPACE:
            value = value.lstrip(" \t")
        return m.Header(field.name.decode("ascii"), value)

    def _end(self, mail: Mail) -> Asking:
        yield self._with_macros(mail, m.EndOfMessage(), Stage.END_OF_MESSAGE)
        changes: list[m.Reply] = []
        limit = MAX_CHANGED_OCTETS + 2 * len(mail.body)
        for _ in range(MAX_CHANGES):
            reply = yield from _read(Wait.CONTENT)
            needed = NEEDS.get(type(reply))
            if needed is None:
                answer = _answer(reply)
                if answer.outcome is not Outcome.CONTINUE:
                    return answer
                return Answer(changes=tuple(changes))
            if not self.actions & needed:
                raise MilterError(f"{type(reply).__name__}, which was not agreed on")
            limit -= len(encode(reply))
            if limit < 0:
                break
            changes.append(reply)
        raise MilterError("it changes more than a message has")

    def _say(
        self, mail: Mail, command: m.Command, stage: Stage, left_out: Steps, silent: Steps
    ) -> _Replying:
        if self.steps & left_out:
            return _CONTINUE
        yield self._with_macros(mail, command, stage)
        if self.steps & silent:
            return _CONTINUE
        return (yield from _read(Wait.COMMAND))

    def _with_macros(self, mail: Mail, command: m.Command, stage: Stage) -> bytes:
        values = {**mail.macros, "i": mail.queue_id}
        match command:
            case m.Mail():
                values |= _address("mail", mail.sender)
            case m.Recipient(recipient):
                values |= _address("rcpt", recipient[1:-1])
        return encode(macros(command.code, self._names[stage], values)) + encode(command)


def _read(wait: Wait) -> _Replying:
    for _ in range(MAX_PROGRESS):
        packet = yield wait
        if packet is None:
            raise MilterError("no packet")
        reply = decode_reply(*packet)
        if not isinstance(reply, m.Progress):
            return reply
    raise MilterError("it needs longer without end")


def _of_client(reply: m.Reply) -> Answer | None:
    """Return what is said about all messages of a client, `None` for nothing."""
    if isinstance(reply, m.Discard):
        raise MilterError("it discards a client, and not a message")
    return None if reply == _CONTINUE else _answer(reply)


def _answer(reply: m.Reply) -> Answer:
    if reply == _CONTINUE:
        return Answer()
    if isinstance(reply, m.ReplyCode):
        text = _smtp(reply.text)
        return Answer(Outcome.TEMPFAIL if text[0] == "4" else Outcome.REJECT, text)
    answer = _SIMPLE.get(type(reply))
    if answer is None:
        raise MilterError(f"{type(reply).__name__} is no answer here")
    return answer


def _smtp(text: str) -> str:
    """Return a reply of SMTP that has one code and as many lines as the milter means."""
    lines = [_REPLY_LINE.fullmatch(line) for line in text.rstrip("\r\n").split("\r\n")]
    codes = {match[1] for match in lines if match}
    if len(codes) != 1 or None in lines or len(lines) > _MAX_REPLY_LINES:
        raise MilterError("its reply is none of SMTP")
    code = codes.pop()
    texts = [_NOT_PRINTABLE.sub("?", match[2])[:_MAX_REPLY_TEXT] for match in lines if match]
    return "\r\n".join([*(f"{code}-{each}" for each in texts[:-1]), f"{code} {texts[-1]}"])


def _address(prefix: str, address: str) -> dict[str, str]:
    host = address.rpartition("@")[2] if "@" in address else ""
    mailer = "smtp" if host else "local"
    return {f"{prefix}_addr": address, f"{prefix}_host": host, f"{prefix}_mailer": mailer}
