"""What a milter is told, in what order, and what counts of what it says: no input or output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ualauth.milter import messages as m
from ualauth.milter.changes import changed
from ualauth.milter.codec import MilterError, PacketReader, decode_command, encode
from ualauth.milter.flags import Actions, Family, Stage, Steps
from ualauth.milter.mail import Client, Field, Mail, read_content
from ualauth.milter.session import MAX_CHANGES, MAX_PROGRESS, Answer, MilterSession, Outcome

CLIENT = Client("mx.example.com", Family.INET, 25, "192.0.2.7", "me.example.com")
CONTENT = b"Subject: folded\r\n value\r\nX-A:1\r\n\r\n.\r\nbody\r\n"
Say = Callable[[m.Command], Sequence[m.Reply]]


def mail(content: bytes = CONTENT) -> Mail:
    fields, body = read_content(content)
    return Mail(
        CLIENT,
        "ann@example.com",
        (("bob@example.org", ()), ("carl@example.net", ())),
        fields,
        body,
        ("SIZE=12",),
        {"j": "mx", "auth_authen": "jürgen", "auth_type": "SASL", "client_addr": "192.0.2.7"},
        "4F2",
    )


class Milter:
    """A milter that says what a test wants; it remembers what it is told."""

    def __init__(
        self,
        say: Say = lambda _: [m.Continue()],
        actions: Actions = Actions.ALL,
        steps: Steps = Steps.NONE,
        version: int = 6,
        macros: dict[Stage, tuple[str, ...]] | None = None,
    ) -> None:
        self.say = say
        self.wants = m.Negotiate(version, actions, steps, macros or {})
        self.told: list[m.Command] = []
        self.session = MilterSession()

    def ask(self, message: Mail) -> Answer:
        asking = self.session.ask(message)
        reader = PacketReader()
        replies: list[m.Reply] = []
        packet: tuple[bytes, bytes] | None = None
        while True:
            try:
                wanted = asking.send(packet)
            except StopIteration as end:
                answer = end.value
                assert isinstance(answer, Answer)
                return answer
            packet = None
            if isinstance(wanted, bytes):
                commands = [decode_command(*each) for each in reader.receive(wanted)]
                self.told += commands
                for each in commands:
                    if isinstance(each, m.Negotiate):
                        replies.append(self.wants)
                    elif not isinstance(each, m.Macros | m.Abort):
                        replies += self.say(each)
            else:
                ((code, data),) = PacketReader().receive(encode(replies.pop(0)))
                packet = code, data

    def commands(self) -> str:
        return b"".join(x.code for x in self.told if not isinstance(x, m.Macros)).decode()


def at(kind: type[m.Command], *replies: m.Reply) -> Say:
    return lambda command: replies if isinstance(command, kind) else [m.Continue()]


def at_end(*replies: m.Reply) -> Say:
    return at(m.EndOfMessage, *replies)


def test_a_milter_is_told_everything_in_the_order_of_smtp() -> None:
    milter = Milter()
    assert milter.ask(mail()) == Answer()
    assert milter.commands() == "OCHMRRTLLNBE"
    assert m.Connect("mx.example.com", Family.INET, 25, "192.0.2.7") in milter.told
    assert m.Mail("<ann@example.com>", ("SIZE=12",)) in milter.told
    assert m.Header("Subject", "folded\n value") in milter.told
    assert m.Body(b".\r\nbody\r\n") in milter.told


def test_the_client_is_told_once_and_each_message_by_itself() -> None:
    milter = Milter()
    milter.ask(mail())
    milter.ask(mail())
    assert milter.commands() == "OCHMRRTLLNBE" + "MRRTLLNBE"


def test_a_client_that_calls_itself_otherwise_is_told_again() -> None:
    milter = Milter()
    milter.ask(mail())
    milter.ask(replace(mail(), client=replace(CLIENT, helo="other")))
    assert milter.commands() == "OCHMRRTLLNBE" + "HMRRTLLNBE"


def test_macros_stand_before_their_commands() -> None:
    milter = Milter()
    milter.ask(mail())
    macros = [x for x in milter.told if isinstance(x, m.Macros)]
    assert macros[0] == m.Macros(b"C", (("j", "mx"),))
    assert macros[1] == m.Macros(b"H")
    signed = {"{auth_type}": "SASL", "{auth_authen}": "jürgen", "{mail_addr}": "ann@example.com"}
    assert dict(macros[2].values).items() >= signed.items()
    assert dict(macros[3].values)["{rcpt_addr}"] == "bob@example.org"
    assert {x.values for x in macros[5:]} == {(("i", "4F2"),)}


def test_lists_of_macros_replace_those_of_their_stage_alone() -> None:
    milter = Milter(macros={Stage.CONNECT: ("{client_addr}", "no_such"), Stage.MAIL: ()})
    milter.ask(mail())
    macros = {x.command: x.values for x in milter.told if isinstance(x, m.Macros)}
    assert macros[b"C"] == (("{client_addr}", "192.0.2.7"),)
    assert macros[b"M"] == ()
    assert macros[b"E"] == (("i", "4F2"),)


@pytest.mark.parametrize(
    ("steps", "commands"),
    [
        (Steps.NO_CONNECT, "OHMRRTLLNBE"),
        (Steps.NO_HELO, "OCMRRTLLNBE"),
        (Steps.NO_MAIL, "OCHRRTLLNBE"),
        (Steps.NO_RECIPIENT, "OCHMTLLNBE"),
        (Steps.NO_BODY, "OCHMRRTLLNE"),
        (Steps.NO_HEADERS, "OCHMRRTNBE"),
        (Steps.NO_END_OF_HEADERS, "OCHMRRTLLBE"),
        (Steps.NO_DATA, "OCHMRRLLNBE"),
    ],
)
def test_what_a_milter_does_not_want_is_left_out(steps: Steps, commands: str) -> None:
    milter = Milter(steps=steps)
    milter.ask(mail())
    assert milter.commands() == commands


SILENT = {
    m.Connect: Steps.NO_REPLY_CONNECT,
    m.Helo: Steps.NO_REPLY_HELO,
    m.Mail: Steps.NO_REPLY_MAIL,
    m.Recipient: Steps.NO_REPLY_RECIPIENT,
    m.Data: Steps.NO_REPLY_DATA,
    m.Header: Steps.NO_REPLY_HEADER,
    m.EndOfHeaders: Steps.NO_REPLY_END_OF_HEADERS,
    m.Body: Steps.NO_REPLY_BODY,
}


@pytest.mark.parametrize("silent", [[kind] for kind in SILENT] + [list(SILENT)])
def test_no_reply_is_awaited_where_none_comes(silent: list[type[m.Command]]) -> None:
    steps = Steps.NONE
    for kind in silent:
        steps |= SILENT[kind]
    milter = Milter(lambda x: [] if type(x) in silent else [m.Continue()], steps=steps)
    assert milter.ask(mail()) == Answer()
    assert milter.commands() == "OCHMRRTLLNBE"


@pytest.mark.parametrize(
    ("version", "commands"), [(2, "OCHMRRLLNBE"), (3, "OCHMRRLLNBE"), (4, "OCHMRRTLLNBE")]
)
def test_older_milters_are_not_told_what_they_do_not_know(version: int, commands: str) -> None:
    milter = Milter(version=version)
    milter.ask(mail())
    assert milter.commands() == commands


EARLY = [m.Connect, m.Helo, m.Mail, m.Recipient, m.Data, m.Header, m.EndOfHeaders, m.Body]
REPLY = m.ReplyCode("451 4.7.1 later")


@pytest.mark.parametrize("kind", [*EARLY, m.EndOfMessage])
@pytest.mark.parametrize(
    ("reply", "outcome", "text"),
    [
        (m.Reject(), Outcome.REJECT, ""),
        (m.TempFail(), Outcome.TEMPFAIL, ""),
        (REPLY, Outcome.TEMPFAIL, "451 4.7.1 later"),
        (m.ReplyCode("550-5.7.1 a\r\n550 5.7.1 b"), Outcome.REJECT, "550-5.7.1 a\r\n550 5.7.1 b"),
        (m.Accept(), Outcome.CONTINUE, ""),
        (m.Shutdown(), Outcome.TEMPFAIL, ""),
        (m.ConnectionFailed(), Outcome.TEMPFAIL, ""),
    ],
    ids=repr,
)
def test_what_a_milter_says_counts_at_every_step(
    kind: type[m.Command], reply: m.Reply, outcome: Outcome, text: str
) -> None:
    milter = Milter(at(kind, reply))
    assert milter.ask(mail()) == Answer(outcome, text)
    about_client = kind in {m.Connect, m.Helo}
    assert milter.commands().endswith("A") is (kind in EARLY and not about_client)
    told = len(milter.told)
    again = milter.ask(mail())
    assert again.outcome is outcome
    assert (len(milter.told) == told) is about_client


@pytest.mark.parametrize("kind", EARLY[2:])
def test_a_message_may_be_dropped_at_every_step(kind: type[m.Command]) -> None:
    assert Milter(at(kind, m.Discard())).ask(mail()).outcome is Outcome.DISCARD


def test_skip_ends_the_body_where_it_was_agreed_on() -> None:
    body = b"x" * 200_000
    milter = Milter(at(m.Body, m.Skip()), steps=Steps.SKIP)
    assert milter.ask(mail(b"A: b\r\n\r\n" + body)) == Answer()
    assert milter.commands() == "OCHMRRTLNBE"
    with pytest.raises(MilterError):
        Milter(at(m.Body, m.Skip())).ask(mail())
    with pytest.raises(MilterError):
        Milter(at(m.Header, m.Skip()), steps=Steps.SKIP).ask(mail())


def test_progress_is_no_reply() -> None:
    assert Milter(at_end(m.Progress(), m.Progress(), m.Continue())).ask(mail()) == Answer()


def test_progress_ends_at_some_time() -> None:
    with pytest.raises(MilterError):
        Milter(at_end(*[m.Progress()] * (MAX_PROGRESS + 1))).ask(mail())


CHANGES = {
    m.AddHeader("X", "1"): Actions.ADD_HEADERS,
    m.InsertHeader(0, "X", "1"): Actions.ADD_HEADERS,
    m.ChangeHeader(1, "X-A", "1"): Actions.CHANGE_HEADERS,
    m.ReplaceBody(b"new"): Actions.CHANGE_BODY,
    m.AddRecipient("<x@y>"): Actions.ADD_RECIPIENTS,
    m.AddRecipientWithArguments("<x@y>"): Actions.ADD_RECIPIENTS_WITH_ARGUMENTS,
    m.DeleteRecipient("<x@y>"): Actions.DELETE_RECIPIENTS,
    m.ChangeSender("<x@y>"): Actions.CHANGE_SENDER,
    m.Quarantine("why"): Actions.QUARANTINE,
}


@pytest.mark.parametrize("change", CHANGES, ids=repr)
def test_a_change_counts_only_where_it_was_agreed_on(change: m.Reply) -> None:
    say = at_end(change, m.Continue())
    assert Milter(say, CHANGES[change]).ask(mail()).changes == (change,)
    with pytest.raises(MilterError):
        Milter(say, Actions.ALL & ~CHANGES[change]).ask(mail())


@pytest.mark.parametrize("change", CHANGES, ids=repr)
def test_a_change_before_the_end_is_none(change: m.Reply) -> None:
    for kind in EARLY:
        with pytest.raises(MilterError):
            Milter(at(kind, change)).ask(mail())


def test_changes_of_a_message_that_is_refused_do_not_count() -> None:
    answer = Milter(at_end(m.AddHeader("X", "1"), m.Reject())).ask(mail())
    assert answer == Answer(Outcome.REJECT)


def test_changes_end_at_some_time() -> None:
    with pytest.raises(MilterError):
        Milter(at_end(*[m.ReplaceBody(b"")] * (MAX_CHANGES + 1))).ask(mail())
    with pytest.raises(MilterError):
        Milter(at_end(*[m.ReplaceBody(b"x" * 65535)] * 300, m.Continue())).ask(mail())


@pytest.mark.parametrize(
    "wants",
    [
        m.Negotiate(7, Actions.NONE, Steps.NONE),
        m.Negotiate(1, Actions.NONE, Steps.NONE),
        m.Negotiate(6, Actions(0x200), Steps.NONE),
        m.Negotiate(6, Actions.NONE, Steps(0x10000000)),
        m.Continue(),
    ],
)
def test_a_milter_that_wants_what_was_not_offered_is_none(wants: m.Reply) -> None:
    milter = Milter()
    milter.wants = wants  # type: ignore[assignment]  # that is the lie
    with pytest.raises(MilterError):
        milter.ask(mail())


@pytest.mark.parametrize(
    "text",
    ["", "250 ok", "550", "5x0 a", "550-a", "550-a\r\n551 b", "550 a\r\nfoo", "550 a\r\n550"],
)
def test_a_reply_that_is_none_of_smtp_is_a_lie(text: str) -> None:
    if text == "550-a":
        # A last line that says that more come is mended.
        assert Milter(at(m.Mail, m.ReplyCode(text))).ask(mail()).reply == "550 a"
        return
    with pytest.raises(MilterError):
        Milter(at(m.Mail, m.ReplyCode(text))).ask(mail())


def test_a_reply_brings_no_further_line() -> None:
    answer = Milter(at(m.Mail, m.ReplyCode("550 a\n250 b\rc\xe9"))).ask(mail())
    assert answer.reply == "550 a?250 b?c?"


# Changes


def changed_by(*changes: m.Reply, content: bytes = CONTENT, leading_space: bool = False) -> Mail:
    return changed(mail(content), changes, leading_space=leading_space)


def test_no_change_leaves_every_octet() -> None:
    odd = b"A:b\r\nB :  c \r\n\td\r\nC:\xff\r\n\r\n\r\n\r\nx"
    assert mail(odd).content == odd.replace(b"B :", b"B:")
    assert changed_by().content == CONTENT


def test_headers_change_as_they_are_numbered() -> None:
    content = b"A: 1\r\nB: 2\r\na: 3\r\n\r\n"
    cases: list[tuple[m.Reply, bytes]] = [
        (m.AddHeader("X", "new"), b"A: 1\r\nB: 2\r\na: 3\r\nX: new\r\n\r\n"),
        (m.InsertHeader(0, "X", "new"), b"X: new\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n"),
        (m.InsertHeader(1, "X", "new"), b"X: new\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n"),
        (m.InsertHeader(2, "X", "new"), b"A: 1\r\nX: new\r\nB: 2\r\na: 3\r\n\r\n"),
        (m.InsertHeader(999, "X", "new"), b"A: 1\r\nB: 2\r\na: 3\r\nX: new\r\n\r\n"),
        (m.ChangeHeader(2, "A", "new"), b"A: 1\r\nB: 2\r\nA: new\r\n\r\n"),
        (m.ChangeHeader(1, "a", ""), b"B: 2\r\na: 3\r\n\r\n"),
        (m.ChangeHeader(3, "A", ""), b"A: 1\r\nB: 2\r\na: 3\r\n\r\n"),
        (m.ChangeHeader(1, "X", "new"), b"A: 1\r\nB: 2\r\na: 3\r\nX: new\r\n\r\n"),
    ]
    for change, expected in cases:
        assert changed_by(change, content=content).content == expected


def test_a_value_keeps_its_own_blank_where_that_was_agreed_on() -> None:
    assert changed_by(m.AddHeader("X", "1"), leading_space=True).fields[-1] == Field(b"X", b"1")
    assert changed_by(m.AddHeader("X", " 1"), leading_space=True).fields[-1] == Field(b"X", b" 1")
    milter = Milter(steps=Steps.LEADING_SPACE)
    milter.ask(mail())
    assert m.Header("Subject", " folded\n value") in milter.told
    assert m.Header("X-A", "1") in milter.told


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("a\n\tb", b" a\r\n\tb"),
        ("a\r\n b", b" a\r\n b"),
        ("a\nX-Scalix-Authenticated-Sender: boss", b" a\r\n\tX-Scalix-Authenticated-Sender: boss"),
        ("a\n\nbody", b" a\r\n\tbody"),
        ("a\rb", b" a\r\n\tb"),
        ("a\n \n b\n", b" a\r\n b"),
    ],
)
def test_a_value_is_one_header_whatever_it_holds(value: str, lines: bytes) -> None:
    assert changed_by(m.AddHeader("X", value)).fields[-1] == Field(b"X", lines)


@pytest.mark.parametrize(
    "change",
    [
        m.AddHeader("X\nY", "1"),
        m.AddHeader("", "1"),
        m.AddHeader("X:", "1"),
        m.AddHeader("x-scalix-authenticated-sender", "boss"),
        m.InsertHeader(0, "X-SCALIX-Anonymous-Message", "no"),
        m.ChangeHeader(1, "X-Scalix-Authenticated-Sender", ""),
        m.AddRecipient("<>"),
        m.AddRecipient("<a@b>\r\nDATA"),
        m.AddRecipient("<a b@c>"),
        m.ChangeSender("a\nb@c"),
        m.ChangeSender("<a@b>", ("SIZE=1\x07",)),
    ],
    ids=repr,
)
def test_a_change_that_cannot_be_is_a_lie(change: m.Reply) -> None:
    with pytest.raises(MilterError):
        changed_by(m.AddHeader("Good", "1"), change)


def test_the_envelope_changes() -> None:
    before = mail()
    assert changed_by(m.AddRecipient("<dora@x.org>")).recipients == (
        *before.recipients,
        ("dora@x.org", ()),
    )
    assert changed_by(m.AddRecipient("bob@EXAMPLE.org")).recipients == before.recipients
    assert changed_by(m.AddRecipientWithArguments("<d@x>", ("NOTIFY=NEVER A=b",))).recipients[
        -1
    ] == (
        "d@x",
        ("NOTIFY=NEVER", "A=b"),
    )
    assert changed_by(m.DeleteRecipient("<bob@EXAMPLE.ORG>")).recipients == before.recipients[1:]
    assert changed_by(m.DeleteRecipient("<Bob@example.org>")).recipients == before.recipients
    assert changed_by(m.ChangeSender("<eve@x.org>")).sender == "eve@x.org"
    assert not changed_by(m.ChangeSender("<>")).sender


def test_pieces_of_a_body_are_one_body() -> None:
    assert changed_by(m.ReplaceBody(b"a\r\n"), m.ReplaceBody(b".\r\n")).body == b"a\r\n.\r\n"
    assert changed_by(m.ReplaceBody(b"")).body == b""


@pytest.mark.parametrize(
    "content",
    [
        b"A: b\nC: d\r\n\r\n",
        b"A: b\rC: d\r\n\r\n",
        b"A: b\0\r\n\r\n",
        b"A: b\r\nno field\r\n\r\n",
        b"A: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
def test_a_header_that_milters_may_read_otherwise_is_not_shown(content: bytes) -> None:
    with pytest.raises(MilterError):
        read_content(content)


@pytest.mark.parametrize(
    ("content", "headers", "body"),
    [
        (b"", 0, b""),
        (b"\r\nx", 0, b"x"),
        (b"no header", 0, b"no header"),
        (b"A: b\r\n", 1, b""),
        (b"A: b\r\n\r\n", 1, b""),
        (b"A: b\r\nC: d\r\n\r\n\r\nx", 2, b"\r\nx"),
    ],
)
def test_headers_end_where_the_body_begins(content: bytes, headers: int, body: bytes) -> None:
    fields, rest = read_content(content)
    assert (len(fields), rest) == (headers, body)


@pytest.mark.parametrize(
    "texts",
    [
        {"client": replace(CLIENT, helo="a\0")},
        {"sender": "a\0b"},
        {"sender_arguments": ("\0",)},
        {"recipients": (("a\0", ()),)},
    ],
)
def test_a_client_cannot_make_a_milter_fail_by_nul(texts: Any) -> None:
    with pytest.raises(MilterError):
        replace(mail(), **texts)
