"""The rules in aiosmtpd: when it asks, what the application sees, and what goes wrong."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from tests.smtp_access.clients import PASSWORD
from tests.smtp_access.servers import Names, Recorder, Server, serving
from ualauth.adapters.smtp_access_aiosmtpd import AccessHandler
from ualauth.errors import AccessRulesError
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.access_file import AccessFile
from ualauth.smtp_access.mail_filter import FilterAnswer
from ualauth.smtp_access.settings import SmtpAccessSettings

MESSAGE = b"From: a@b.example\r\nSubject: x\r\n\r\nHello.\r\n"


@contextmanager
def client(server: Server) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=20) as connected:
        connected.ehlo("pc.example.com")
        yield connected


def submit(
    connected: smtplib.SMTP,
    *recipients: str,
    sender: str = "a@b.example",
    message: bytes = MESSAGE,
) -> list[int]:
    """Submit a message; return the codes of MAIL, of each RCPT, and of DATA."""
    codes = [connected.mail(sender)[0]]
    if codes[0] != 250:
        return codes
    codes += [connected.rcpt(each)[0] for each in recipients]
    if 250 in codes[1:]:
        try:
            codes.append(connected.data(message)[0])
        except smtplib.SMTPDataError as error:
            codes.append(error.smtp_code)
    connected.rset()
    return codes


def raw(port: int, *lines: bytes) -> list[bytes]:
    """Send lines as they are, each after the last was answered; return the answers."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as connection,
        connection.makefile("rb") as answers,
    ):
        told = [answers.readline()]
        for line in lines:
            connection.sendall(line)
            told.append(answers.readline())
            while told[-1][3:4] == b"-":
                told[-1] = answers.readline()
        told.append(answers.readline() if told[-1][:3] in {b"221", b"421"} else b"")
        return told


# The greeting


def test_a_refused_host_is_told_in_place_of_the_greeting(tmp_path: Path) -> None:
    with serving(tmp_path, "SUBMIT Reject *", Recorder()) as server:
        told = raw(server.port, b"EHLO x\r\n", b"MAIL FROM:<a@b>\r\n", b"QUIT\r\n")
    assert told == [
        b"554 5.7.1 This host may not submit messages\r\n",
        b"503 5.5.1 This host may not submit messages\r\n",
        b"503 5.5.1 This host may not submit messages\r\n",
        b"221 2.0.0 Bye\r\n",
        b"",
    ]


def test_a_deferred_host_is_told_and_left(tmp_path: Path) -> None:
    with serving(tmp_path, "SUBMIT Defer *", Recorder()) as server:
        told = raw(server.port)
    assert told == [b"421 4.7.1 This host may not submit messages now, closing\r\n", b""]


@pytest.mark.parametrize("junk", [b"x" * 5000 + b"\r\n", b"\0\xff\r\n", b"\r\n"])
def test_a_refused_host_cannot_stay(tmp_path: Path, junk: bytes) -> None:
    with (
        serving(tmp_path, "SUBMIT Reject *", Recorder()) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection,
    ):
        connection.sendall(junk * 50)
        told = b""
        try:
            while chunk := connection.recv(65536):
                told += chunk
        except ConnectionResetError:
            return
        assert told.startswith(b"554 ")
        assert told.count(b"503 ") <= 10


def test_aiosmtpds_own_server_refuses_hosts_at_mail(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "SUBMIT Reject *", Recorder(), kind=SMTP) as server,
        client(server) as connected,
    ):
        assert connected.mail("a@b.example") == (550, b"5.7.1 This host may not submit messages")


def test_names_are_looked_up_once_and_only_if_a_rule_wants_one(tmp_path: Path) -> None:
    names = {"192.0.2.7": "pc7.example.net"}
    for rules, expected in (("SUBMIT Reject 10.*", 0), ("SUBMIT Reject *.spam.net", 1)):
        with serving(tmp_path, rules, Recorder(), names=names) as server:
            server.peer = "192.0.2.7"
            with client(server) as connected:
                assert submit(connected, "x@localhost") == [250] * 3
                assert submit(connected, "x@localhost") == [250] * 3
            assert names_of(server).asked == expected


# The own host


def test_who_comes_over_a_unix_socket_is_on_this_host(tmp_path: Path) -> None:
    path = str(tmp_path / "smtp")
    with serving(tmp_path, "", Recorder(), path=path):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(path)
        with connection, connection.makefile("rb") as answers:
            for line in (b"HELO x", b"MAIL FROM:<a@b.example>", b"RCPT TO:<x@far.example>"):
                answers.readline()
                connection.sendall(line + b"\r\n")
            assert answers.readline() == b"250 OK\r\n"


class Believing(Recorder):
    """An application that believes its proxy."""

    async def handle_PROXY(self, server: Any, session: Any, envelope: Any, data: Any) -> bool:
        return True


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        (b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 25\r\n", b"554 5.7.1"),
        (b"PROXY TCP4 198.51.100.1 127.0.0.1 4711 25\r\n", b"220 "),
        (b"PROXY UNKNOWN\r\n", b"220 "),
    ],
)
def test_behind_a_proxy_the_client_counts(tmp_path: Path, proxy: bytes, expected: bytes) -> None:
    rules = "SUBMIT Reject 203.0.113.*"
    with (
        serving(tmp_path, rules, Believing(), proxy_protocol_timeout=5) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(proxy)
        assert answers.readline().startswith(expected)
        if expected == b"220 ":
            # The proxy is on this host; its clients are not.
            for line in (b"HELO x", b"MAIL FROM:<a@b.example>", b"RCPT TO:<x@far.example>"):
                connection.sendall(line + b"\r\n")
                told = answers.readline()
            assert told == b"550 5.7.1 Relaying denied\r\n"


def test_a_proxy_that_the_application_does_not_believe_is_left(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "", Recorder(), proxy_protocol_timeout=5) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection,
    ):
        connection.sendall(b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 25\r\n")
        assert connection.recv(100) == b""


def test_rules_hold_after_starttls(tmp_path: Path, tls: ssl.SSLContext) -> None:
    names = {"192.0.2.7": "pc7.example.net"}
    rules = "AUTH_MISMATCH Reject *.example.net\nSUBMIT Reject *.spam.net"
    with serving(tmp_path, rules, Recorder(), names=names, tls_context=tls) as server:
        server.peer = "192.0.2.7"
        with client(server) as connected:
            connected.starttls(context=ssl._create_unverified_context())
            connected.ehlo("pc.example.com")
            connected.login("jsmith", PASSWORD)
            assert connected.mail("boss@example.com")[0] == 550
            assert connected.mail("js@example.com")[0] == 250
        assert names_of(server).asked == 1


# What the application sees


def names_of(server: Server) -> Names:
    """Return the resolver of a server, which counts questions."""
    resolver = server._handler._resolver
    assert isinstance(resolver, Names)
    return resolver


class Particular(Recorder):
    """An application with all hooks, which notes what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-X-OWN", responses[-1]]

    async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:
        return "252 2.0.0 own"

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.asked.append(f"MAIL {address}")
        envelope.mail_from = address
        return "250 2.1.0 own"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.asked.append(f"RCPT {address}")
        if address.startswith("full"):
            return "452 4.2.2 full"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 own"


def test_the_applications_hooks_are_asked_after_the_rules(tmp_path: Path) -> None:
    application = Particular()
    rules = "RECIPIENT Reject nobody@*\nRECIPIENT Discard trash@*\nORIGINATOR Discard secret@*"
    with serving(tmp_path, rules, application) as server, client(server) as connected:
        assert connected.has_extn("x-own")
        assert connected.verify("a@b")[1] == b"2.0.0 own"
        people = ("nobody@x", "trash@x", "full@x", "ann@x")
        assert submit(connected, *people) == [250, 550, 250, 452, 250, 250]
        assert [recipients for recipients, _ in application.messages] == [("ann@x",)]
        assert application.asked == ["MAIL a@b.example", "RCPT full@x", "RCPT ann@x"]
        # What is dropped is none of the application's business.
        application.asked.clear()
        assert submit(connected, "full@x", sender="secret@b.example") == [250, 250, 250]
        assert submit(connected, "trash@x") == [250, 250, 250]
        assert len(application.messages) == 1
        assert application.asked == ["MAIL a@b.example"]


def test_an_application_without_hooks_is_served(tmp_path: Path) -> None:
    with serving(tmp_path, "", object()) as server, client(server) as connected:
        assert submit(connected, "ann@x") == [250, 250, 250]


class Both:
    """An application that keeps both forms of a message."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | bytes, bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append((envelope.content, envelope.original_content))
        return "250 kept"


def test_headers_reach_both_forms_of_the_message(tmp_path: Path) -> None:
    application = Both()
    with (
        serving(tmp_path, "SUBMIT Header *", application, decode_data=True) as server,
        client(server) as connected,
    ):
        server.peer = "192.0.2.7"
        assert submit(connected, "ann@x") == [250, 250, 250]
    ((text, octets),) = application.messages
    assert isinstance(text, str)
    assert text.encode() == octets == b"X-Scalix-Suspicious-Host: 127.0.0.1\r\n" + MESSAGE


def test_nothing_of_an_address_is_injected(tmp_path: Path) -> None:
    application = Recorder()
    with (
        serving(tmp_path, "ORIGINATOR Header *", application, enable_SMTPUTF8=True) as server,
        client(server) as connected,
    ):
        assert connected.docmd('MAIL FROM:<"a\\: b=?x?q?y?="@b.example>')[0] == 250
        assert connected.docmd("RCPT TO:<ann@x>")[0] == 250
        assert connected.data(MESSAGE)[0] == 250
    ((_, content),) = application.messages
    first, _, rest = content.partition(b"\r\n")
    assert first.startswith(b"X-Scalix-Suspicious-Originator: =?utf-8?")
    assert rest == MESSAGE


@pytest.mark.parametrize(
    "message",
    [
        b"From: js@example.com\nFrom: boss@example.com\r\n\r\nx\r\n",
        b"Subject: x\r\n\x00From: js@example.com\r\n\r\nx\r\n",
        b"FROM : boss@example.com\r\n\r\nx\r\n",
        b"From: js@example.com\r\nFrom: boss@example.com\r\n\r\nx\r\n",
        b"From:\r\n boss@example.com\r\n\r\nx\r\n",
        b"  \r\nFrom: boss@example.com\r\n\r\nx\r\n",
        b"hello\r\nFrom: boss@example.com\r\n\r\nx\r\n",
        b"\xef\xbb\xbfFrom: boss@example.com\r\n\r\nx\r\n",
        b"From js@example.com\r\nFrom: boss@example.com\r\n\r\nx\r\n",
        b"\r\nFrom: boss@example.com\r\n\r\nx\r\n",
        b"X-Scalix-Foo: x\r\n\r\nFrom: boss@example.com\r\n\r\nx\r\n",
        b"From: js@example.com\r\n \t\r\nFrom : boss@example.com\r\n\r\nx\r\n",
        b"From: =?utf-8?q?boss=40example.com=2C?= <js@example.com>\r\n\r\nx\r\n",
    ],
)
def test_from_cannot_be_hidden(tmp_path: Path, message: bytes) -> None:
    rules = "AUTH_MISMATCH Reject *"
    settings = SmtpAccessSettings(compare_from=True)
    with (
        serving(tmp_path, rules, Recorder(), settings=settings) as server,
        client(server) as connected,
    ):
        connected.login("jsmith", PASSWORD)
        for line in ("MAIL FROM:<js@example.com>", "RCPT TO:<ann@x>"):
            assert connected.docmd(line)[0] == 250
        assert connected.docmd("DATA")[0] == 354
        connected.send(message + b".\r\n")
        assert connected.getreply()[0] == 550


BROUGHT = (
    b"X-Scalix-Authenticated-Sender: boss@example.com\r\n"
    b"Subject: x\r\n\tX-Scalix-Foo: stays\r\n"
    b"x-scalix-suspicious-host : none\r\n at all\r\n"
    b"From: a@b.example\r\n"
    b"X-SCALIX-ANONYMOUS-MESSAGE:\r\n\r\n"
    b"X-Scalix-Foo: stays\r\n..\r\n\r\n"
)
KEPT = (
    b"Subject: x\r\n\tX-Scalix-Foo: stays\r\nFrom: a@b.example\r\n\r\n"
    b"X-Scalix-Foo: stays\r\n..\r\n\r\n"
)


@pytest.mark.parametrize("decode_data", [False, True])
@pytest.mark.parametrize("rules", ["", "SUBMIT Header *"])
def test_headers_of_ours_that_a_message_brings_along_are_removed(
    tmp_path: Path, rules: str, decode_data: bool
) -> None:
    application = Both()
    with (
        serving(tmp_path, rules, application, decode_data=decode_data) as server,
        client(server) as connected,
    ):
        server.peer = "192.0.2.7"
        assert submit(connected, "ann@localhost", message=BROUGHT) == [250, 250, 250]
    inserted = b"X-Scalix-Suspicious-Host: 127.0.0.1\r\n" if rules else b""
    ((content, octets),) = application.messages
    assert octets == inserted + KEPT
    assert content == (octets.decode() if decode_data else octets)


def test_where_readers_may_differ_about_them_a_message_is_refused(tmp_path: Path) -> None:
    application = Recorder()
    with serving(tmp_path, "", application) as server, client(server) as connected:
        for command in ("MAIL FROM:<a@b.example>", "RCPT TO:<ann@localhost>"):
            assert connected.docmd(command)[0] == 250
        assert connected.docmd("DATA")[0] == 354
        connected.send(b"Subject: x\nX-Scalix-Authenticated-Sender: boss\r\n\r\nx\r\n.\r\n")
        assert connected.getreply() == (
            554,
            b"5.6.0 The header of the message can be read in several ways",
        )
    assert application.messages == []


@pytest.mark.slow
def test_a_large_file_does_not_hold_up_the_others(tmp_path: Path) -> None:
    turns: list[float] = []

    async def watch() -> None:
        while True:
            turns.append(time.monotonic())
            await asyncio.sleep(0.001)

    large = "".join(f"SUBMIT Reject h{n}.example.com\n" for n in range(30_000))
    with serving(tmp_path, "", Recorder()) as server:
        watching = asyncio.run_coroutine_threadsafe(watch(), server._loop)
        server._handler._access.file = AccessFile(tmp_path, interval=0)
        (tmp_path / "smtpd.cfg").write_text(large)
        start = time.monotonic()
        with client(server) as connected:
            connected.noop()
        end = time.monotonic()
        watching.cancel()
        assert len(server._handler._access.file.load().rules) == 30_000
    # If the loop had read the file, it would have taken no turn in between.
    margin = (end - start) / 10
    assert len([turn for turn in turns if start + margin < turn < end - margin]) >= 3


def test_changed_rules_hold_for_the_next_message(tmp_path: Path) -> None:
    with serving(tmp_path, "", Recorder()) as server:
        server._handler._access.file = AccessFile(tmp_path, interval=0)
        with client(server) as connected:
            assert submit(connected, "ann@x") == [250, 250, 250]
            (tmp_path / "smtpd.cfg").write_text("ORIGINATOR Reject *")
            assert submit(connected, "ann@x") == [550]
            (tmp_path / "smtpd.cfg").write_text("ORIGINATOR Rejct *")
            assert submit(connected, "ann@x") == [550]


# What goes wrong


def test_bad_rules_stop_the_server_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "smtpd.cfg").write_text("SUBMIT Rejct *")
    access = AccessControl(tmp_path, SmtpAccessSettings())
    with pytest.raises(AccessRulesError):
        AccessHandler(Recorder(), access)


class Broken:
    """Rules with a bug: whatever is looked up raises."""

    wants_names = True
    filters = False

    def about_host(self, *_: object) -> None:
        raise ZeroDivisionError("a bug; with details")

    about_mailbox = about_host


class BrokenFile:
    """A file with such rules."""

    def is_fresh(self) -> bool:
        return True

    def load(self) -> Any:
        return Broken()


def test_a_bug_refuses_for_now_and_tells_nothing(tmp_path: Path) -> None:
    application = Recorder()
    file: Any = BrokenFile()
    with serving(tmp_path, "", application, kind=SMTP) as server, client(server) as connected:
        server._handler._access.file = file
        code, text = connected.mail("a@b.example")
        assert (code, text) == (451, b"4.3.0 Temporary failure, try again later")
    with serving(tmp_path, "", application) as server:
        server._handler._access.file = file
        assert raw(server.port) == [b"421 4.3.0 Temporary failure, closing\r\n", b""]
    assert application.messages == []


# Mail filters


class Filter:
    """A filter that notes its calls; answers by the name of the call."""

    def __init__(self, answers: dict[str, FilterAnswer | Exception], calls: list[Any]) -> None:
        self.answers = answers
        self.calls = calls
        self.added_headers: Sequence[tuple[str, str]] = [("X-Spam", "no\r\nBcc: x")]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: object) -> FilterAnswer:
            self.calls.append((name, *args))
            answer = self.answers.get(name, FilterAnswer.CONTINUE)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def filtered(
    folder: Path,
    answers: dict[str, FilterAnswer | Exception],
    message: bytes = MESSAGE,
) -> tuple[list[int], list[Any], Recorder]:
    application, calls = Recorder(), list[Any]()
    rules = "SMTPFILTER=TRUE\nSUBMIT Header *"

    def new_filter() -> Filter:
        return Filter(answers, calls)

    names = {"192.0.2.7": "pc7.example.net"}
    with serving(folder, rules, application, new_filter=new_filter, names=names) as server:
        server.peer = "192.0.2.7"
        with client(server) as connected:
            codes = submit(connected, "ann@localhost", "joe@localhost", message=message)
    return codes, calls, application


def test_a_filter_is_called_as_a_milter_is(tmp_path: Path) -> None:
    codes, calls, application = filtered(tmp_path, {}, MESSAGE + b"x" * 900 + b"\r\n")
    assert codes == [250] * 4
    assert calls == [
        ("connect", "pc7.example.net", "192.0.2.7"),
        ("helo", "pc.example.com"),
        ("mail", "a@b.example", ()),
        ("rcpt", "ann@localhost"),
        ("rcpt", "joe@localhost"),
        ("header", "X-Scalix-Suspicious-Host", "pc7.example.net"),
        ("header", "From", "a@b.example"),
        ("header", "Subject", "x"),
        ("eoh",),
        ("body", b"Hello.\r\n" + b"x" * 900 + b"\r\n"),
        ("eom",),
    ]
    ((_, content),) = application.messages
    assert content.startswith(b"X-Spam: no Bcc: x\r\nX-Scalix-Suspicious-Host: pc7.example.net\r\n")


def test_what_a_filter_adds_stays_and_what_it_sees_was_judged(tmp_path: Path) -> None:
    application, calls = Recorder(), list[Any]()

    def new_filter() -> Filter:
        mail_filter = Filter({}, calls)
        mail_filter.added_headers = [("X-Scalix-Spam", "no")]
        return mail_filter

    rules = "SMTPFILTER=TRUE\nSUBMIT Header *"
    with (
        serving(tmp_path, rules, application, new_filter=new_filter) as server,
        client(server) as connected,
    ):
        server.peer = "192.0.2.7"
        assert submit(connected, "ann@localhost", message=BROUGHT)[-1] == 250
    names = [call[1] for call in calls if call[0] == "header"]
    assert names == ["X-Scalix-Suspicious-Host", "Subject", "From"]
    ((_, content),) = application.messages
    inserted = b"X-Scalix-Spam: no\r\nX-Scalix-Suspicious-Host: 127.0.0.1\r\n"
    assert content == inserted + KEPT


def test_a_large_body_comes_in_pieces(tmp_path: Path) -> None:
    body = b"".join(b"%07d\r\n" % number for number in range(20_000))
    _, calls, application = filtered(tmp_path, {}, b"A: b\r\n\r\n" + body)
    pieces = [call[1] for call in calls if call[0] == "body"]
    assert len(pieces) == 3
    assert b"".join(pieces) == body
    assert application.messages[0][1].endswith(body)


@pytest.mark.parametrize("call", ["connect", "rcpt", "header", "body", "eom"])
@pytest.mark.parametrize(
    ("answer", "code", "arrives"),
    [
        (FilterAnswer.REJECT, 550, False),
        (FilterAnswer.TEMPFAIL, 451, False),
        (FilterAnswer.DISCARD, 250, False),
        (FilterAnswer.ACCEPT, 250, True),
        (OSError("virus scanner is away"), 451, False),
    ],
    ids=str,
)
def test_what_a_filter_answers_is_done(
    tmp_path: Path, call: str, answer: FilterAnswer | Exception, code: int, arrives: bool
) -> None:
    codes, calls, application = filtered(tmp_path, {call: answer})
    assert codes[-1] == code
    assert calls[-1][0] == call
    assert len(application.messages) == arrives


def test_without_a_filter_nothing_passes_that_is_to_be_filtered(tmp_path: Path) -> None:
    application = Recorder()
    with serving(tmp_path, "SMTPFILTER=TRUE", application) as server, client(server) as connected:
        assert submit(connected, "ann@x") == [250, 250, 451]
    assert application.messages == []
