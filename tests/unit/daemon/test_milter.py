"""The state machine of the milter: commands as Postfix 3.7 and sendmail 8.17 send them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.daemon.driven import Driven
from tests.unit.daemon.test_postfix_policy import JOHN, submitting
from ualauth.contract.identity import Person
from ualauth.daemon.requests import Admit, Admitted, Failed, Submission, Submitting
from ualauth.errors import ConfigurationError
from ualauth.milter import messages
from ualauth.milter.codec import PacketReader, decode_reply, encode
from ualauth.milter.flags import Actions, Family, Steps

POSTFIX = messages.Negotiate(6, Actions.ALL, Steps.ALL)
PLAIN = messages.Negotiate(2, Actions.ADD_HEADERS | Actions(0x18), Steps.NONE)
CLIENT = messages.Connect("pc7.example.net", Family.INET, 39244, "192.0.2.7")
TOP = (messages.Macros(b"C", (("j", "mx.example.com"), ("{daemon_addr}", "127.0.0.1"))), CLIENT)
LOGIN = messages.Macros(b"M", (("{auth_type}", "PLAIN"), ("{auth_authen}", "jsmith")))
HELLO = messages.Body(b"Hello.\r\n")


class Conversation:
    """A mail server that speaks with the milter of some rules."""

    def __init__(self, rules: str, offer: messages.Negotiate = POSTFIX, **settings: Any) -> None:
        self.client = Driven("milter", own={})
        self.rules = rules
        self.settings = settings
        self.answered = 0
        self.too_much = ""
        """What is said to a message that is counted."""
        self.reader = PacketReader()
        [self.agreed] = self.says(offer)

    def says(self, *commands: messages.Command) -> list[messages.Reply]:
        """Return the replies."""
        return self.octets(b"".join(map(encode, commands)))

    def octets(self, data: bytes) -> list[messages.Reply]:
        said = self.client.send(data)
        while self.answered < len(self.client.requests):
            tag, request = self.client.requests[self.answered]
            self.answered += 1
            said += self.client.answer(self.answer(request), tag)
        return [decode_reply(code, rest) for code, rest in self.reader.receive(said)]

    def answer(self, request: object) -> Submitting | Admitted:
        if isinstance(request, Admit):
            return Admitted(self.too_much)
        assert isinstance(request, Submission)
        person = {"": None, "jsmith": JOHN}.get(request.user, Person(request.user))
        return submitting(self.rules, person, **self.settings)


def submit(
    conversation: Conversation, *fields: tuple[str, str], sender: str = "<js@example.com>"
) -> list[messages.Reply]:
    """Submit a message as jsmith; return the replies to its end."""
    begun = conversation.says(*TOP, LOGIN, messages.Mail(sender), messages.Recipient("<a@b.c>"))
    assert begun == [messages.Continue()] * 3
    headers = [messages.Header(name, f" {value}") for name, value in fields]
    assert set(conversation.says(*headers)) <= {messages.Continue()}
    return conversation.says(messages.EndOfMessage(b""))


def code_of(replies: list[messages.Reply]) -> str:
    [reply] = replies
    assert isinstance(reply, messages.ReplyCode)
    return reply.text[:9]


OPEN = "AUTH_SUCCESS Accept *\n"


def test_what_is_agreed() -> None:
    agreed = Conversation("").agreed
    assert isinstance(agreed, messages.Negotiate)
    assert agreed.version == 6
    assert agreed.steps & Steps.NO_BODY
    assert agreed.actions & Actions.CHANGE_HEADERS
    old = Conversation("", PLAIN).agreed
    assert isinstance(old, messages.Negotiate)
    # Nothing that was not offered.
    assert (old.version, old.steps, old.macros) == (2, Steps.NONE, {})


@pytest.mark.parametrize(
    "commands",
    [
        (messages.Negotiate(6, Actions.ADD_HEADERS, Steps.ALL),),
        (messages.Negotiate(1, Actions.ALL, Steps.ALL),),
        (CLIENT,),
        (POSTFIX, messages.Mail("<a@b.c>")),
        (POSTFIX, CLIENT, messages.Recipient("<a@b.c>")),
        (POSTFIX, CLIENT, messages.EndOfMessage()),
        (POSTFIX, CLIENT, messages.Header("From", " x")),
    ],
)
def test_what_no_mail_server_says_ends_the_connection(commands: tuple[messages.Command]) -> None:
    client = Driven("milter")
    for command in commands:
        requests = len(client.requests)
        client.send(encode(command))
        if len(client.requests) > requests:
            client.answer(submitting(OPEN))
    assert client.closes


@pytest.mark.parametrize("data", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1?", b"\0\0\0\2Ox"])
def test_octets_that_are_no_command_end_the_connection(data: bytes) -> None:
    client = Driven("milter")
    assert client.send(data) == b""
    assert client.closes


def test_who_submits() -> None:
    conversation = Conversation(OPEN)
    conversation.says(*TOP, LOGIN, messages.Mail("<js@example.com>"))
    assert [request for _, request in conversation.client.requests] == [
        Submission("", "mx.example.com"),
        Submission("jsmith", "mx.example.com"),
    ]
    # The next message of the client is of no user, unless the mail server says so again.
    conversation.says(messages.Abort(), messages.Mail("<js@example.com>"))
    assert conversation.client.last == Submission("", "mx.example.com")
    anonymous = (("{auth_type}", "ANONYMOUS"), ("{auth_authen}", "jsmith"))
    conversation.says(messages.Macros(b"M", anonymous), messages.Mail("<js@example.com>"))
    assert conversation.client.last.user == ""


@pytest.mark.parametrize(
    ("rules", "connect", "mail", "recipient"),
    [
        ("SUBMIT Reject 192.0.2.7\n", "554 5.7.1", "", ""),
        ("SUBMIT Defer *.example.net\n", "421 4.7.1", "", ""),
        ("AUTH_SUCCESS Reject *\n", "", "550 5.7.1", ""),
        ("ORIGINATOR Defer js@example.com\n", "", "451 4.7.1", ""),
        ("RELAY Reject *\n", "", "", "550 5.7.1"),
        ("AUTH_SUCCESS Accept *\nRECIPIENT Reject *\n", "", "", "550 5.1.1"),
        (OPEN, "", "", ""),
    ],
)
def test_refusals(rules: str, connect: str, mail: str, recipient: str) -> None:
    conversation = Conversation(rules)
    for expected, commands in (
        (connect, TOP),
        (mail, (LOGIN, messages.Mail("<js@example.com>"))),
        (recipient, (messages.Recipient("<ann@far.example>"),)),
    ):
        replies = conversation.says(*commands)
        if expected:
            assert code_of(replies) == expected
            return
        assert replies == [messages.Continue()]


def test_a_name_that_may_be_forged_is_none() -> None:
    for value, expected in (("pc7.example.net [192.0.2.7]", "554 5.7.1"), ("(may be forged)", "")):
        conversation = Conversation("SUBMIT Reject *.example.net\n")
        macros = messages.Macros(b"C", (("_", f"pc7.example.net [192.0.2.7] {value}"),))
        replies = conversation.says(macros, CLIENT)
        assert code_of(replies) == expected if expected else replies == [messages.Continue()]


def test_the_own_host_may_relay() -> None:
    for client, may in (
        (messages.Connect("localhost", Family.UNIX, 0, "/run/x"), True),
        (messages.Connect("localhost", Family.INET, 25, "127.0.0.1"), True),
        (messages.Connect("x", Family.INET6, 25, "IPv6:::1"), True),
        (messages.Connect("localhost", Family.INET6, 25, "IPv6:2001:db8::1"), False),
        (messages.Connect("localhost"), False),
    ):
        conversation = Conversation("")
        commands = (client, messages.Mail("<x@y.z>"), messages.Recipient("<ann@far.example>"))
        replies = conversation.says(*commands)
        assert (replies == [messages.Continue()] * 3) == may, client


def test_headers_are_compared() -> None:
    rules = f"{OPEN}AUTH_MISMATCH Reject *\n"
    conversation = Conversation(rules, compare_from=True)
    assert submit(conversation, ("From", "js@example.com")) == [messages.Continue()]
    assert code_of(submit(conversation, ("From", "boss@example.com"))) == "550 5.7.1"
    assert code_of(submit(conversation, ("from", "js@example.com,\n boss@x.y"))) == "550 5.7.1"
    assert code_of(submit(conversation, ("Subject", "x"), sender="<>")) == "550 5.7.1"
    assert submit(conversation, ("Subject", "x")) == [messages.Continue()]


@pytest.mark.parametrize("offer", [POSTFIX, PLAIN])
def test_marks_are_inserted_at_the_top(offer: messages.Negotiate) -> None:
    conversation = Conversation("AUTH_SUCCESS Header *\nAUTH_MISMATCH Header *\n", offer)
    first, second, last = submit(conversation, ("Subject", "x"), sender="<boss@example.com>")
    blank = " " if offer is POSTFIX else ""
    assert isinstance(first, messages.InsertHeader)
    assert isinstance(second, messages.InsertHeader)
    assert (first.index, first.name) == (0, "X-Scalix-Authenticated-Sender")
    assert first.value.startswith(f"{blank}john.smith@example.com; authenticated by")
    assert "\r" not in first.value
    assert (second.index, second.name) == (1, "X-Scalix-Authentication-Mismatch")
    assert last == messages.Continue()


def test_marks_of_others_are_removed_the_last_first() -> None:
    name = "X-Scalix-Anonymous-Message"
    fields = ((name, "1"), ("Subject", "x"), (name.upper(), "2"), ("x-scalix-other", "3"))
    *changes, last = submit(Conversation(OPEN), *fields)
    assert changes == [
        messages.ChangeHeader(2, name.lower(), ""),
        messages.ChangeHeader(1, name.lower(), ""),
        messages.ChangeHeader(1, "x-scalix-other", ""),
    ]
    assert last == messages.Continue()


def test_some_recipients_and_all_are_dropped() -> None:
    conversation = Conversation(f"{OPEN}RECIPIENT Discard trash@*\n")
    trash, ann = messages.Recipient("<trash@b.c>"), messages.Recipient("<ann@b.c>")
    conversation.says(*TOP, LOGIN, messages.Mail("<js@example.com>"), trash, ann)
    assert conversation.says(messages.EndOfMessage()) == [
        messages.DeleteRecipient("<trash@b.c>"),
        messages.Continue(),
    ]
    conversation.says(LOGIN, messages.Mail("<js@example.com>"), trash)
    assert conversation.says(messages.EndOfMessage()) == [messages.Discard()]
    # An envelope is over with its message.
    assert conversation.says(messages.EndOfMessage()) == []
    assert conversation.client.closes


def test_a_message_is_counted_for_those_who_get_it() -> None:
    conversation = Conversation(f"{OPEN}RECIPIENT Discard trash@*\n")
    names = ("trash", "ann", "bob")
    recipients = [messages.Recipient(f"<{each}@b.c>") for each in names]
    conversation.says(*TOP, LOGIN, messages.Mail("<js@example.com>"), *recipients)
    conversation.says(messages.EndOfMessage())
    assert conversation.client.last == Admit(JOHN, "192.0.2.7", 2)
    # What is refused, or dropped for all, is not.
    conversation.says(LOGIN, messages.Mail("<js@example.com>"), recipients[0])
    assert conversation.says(messages.EndOfMessage()) == [messages.Discard()]
    assert isinstance(conversation.client.last, Submission)


def test_a_message_that_is_too_much_is_put_off_and_unchanged() -> None:
    conversation = Conversation("AUTH_SUCCESS Header *\n")
    conversation.too_much = "450 4.7.1 Too much"
    assert code_of(submit(conversation, ("Subject", "x"))) == "450 4.7.1"
    conversation.too_much = ""
    assert len(submit(conversation, ("Subject", "x"))) == 2


def test_a_message_that_cannot_be_counted_is_put_off() -> None:
    client = Driven("milter")
    begun = (POSTFIX, *TOP, messages.Mail("<a@b.c>"), messages.Recipient("<ann@localhost>"))
    client.send(b"".join(map(encode, begun)))
    for _ in range(2):
        client.answer(submitting(OPEN))
    client.send(encode(messages.EndOfMessage()))
    assert client.last == Admit(None, "192.0.2.7", 1)
    assert client.answer(Failed(ValueError("x"))) == encode(messages.TempFail())
    assert not client.closes


def test_a_header_that_is_too_large_is_refused_and_not_kept() -> None:
    conversation = Conversation(OPEN)
    fields = [("X-Long", "x" * 60_000)] * 20
    assert code_of(submit(conversation, *fields)) == "552 5.3.4"


@pytest.mark.parametrize("error", [ConfigurationError("x"), ValueError("jsmith")])
def test_what_could_not_be_checked_is_refused_for_now(error: Exception) -> None:
    client = Driven("milter")
    client.send(encode(POSTFIX) + b"".join(map(encode, TOP)))
    assert client.answer(Failed(error)) == encode(messages.TempFail())
    client.send(encode(messages.Mail("<a@b.c>")))
    assert client.answer(Failed(error)) == encode(messages.TempFail())
    # It is no message then.
    client.send(encode(messages.EndOfMessage()))
    assert client.closes


def test_a_client_after_another_is_a_new_one() -> None:
    conversation = Conversation("SUBMIT Reject 192.0.2.7\n")
    assert code_of(conversation.says(*TOP)) == "554 5.7.1"
    other = messages.Connect("x", Family.INET, 1, "192.0.2.8")
    assert conversation.says(messages.QuitForNext(), other) == [messages.Continue()]
    conversation.says(messages.QuitForNext(), messages.Mail("<a@b.c>"))
    assert conversation.client.closes


def test_an_end_and_a_stop() -> None:
    client = Driven("milter")
    client.send(encode(POSTFIX) + encode(messages.Quit()))
    assert client.closes
    client = Driven("milter")
    client.send(encode(POSTFIX) + b"".join(map(encode, TOP)))
    client.end()
    assert not client.closes
    assert client.stop() == encode(messages.TempFail())
    assert client.closes
