"""The submission access rules, scanners and milters in Twisted's ESMTP server."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from twisted.cred.checkers import AllowAnonymousAccess
from twisted.cred.portal import Portal
from twisted.internet import reactor as installed
from twisted.internet.defer import succeed
from twisted.internet.protocol import Factory
from twisted.mail import smtp
from twisted.mail.interfaces import IMessageDelivery
from zope.interface import implementer

from tests.machine import patience
from tests.smtp_access.clients import PASSWORD, by_smtplib
from tests.smtp_access.scenario import Row, rows
from tests.smtp_access.servers import Names, Recorder
from tests.smtp_access.test_dialogues import check
from tests.unit.adapters.serving import TwistedThread
from ualauth.adapters.twisted import ESMTP, TwistedAuthenticator
from ualauth.adapters.twisted.smtp_access import AccessESMTP
from ualauth.milter import messages as m
from ualauth.milter.codec import PacketReader, decode_command, encode
from ualauth.milter.flags import Actions, Steps
from ualauth.milter.settings import MilterSettings
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.settings import SmtpAccessSettings
from ualauth.system.networks import read_address
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.account.lockout import user_key
from ualauth.userlist.database.tables import submissions
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.store import UserStore
from ualauth.virus.settings import ScannerSettings

# mypy takes the interfaces of zope for classes.
reactor: Any = installed
SETTINGS = """
    [sasl]
    mechanisms = ["PLAIN"]
    plaintext_without_tls = true
    [service."smtpd.auth"]
    mechanisms = ["PLAIN"]
    [stack]
    fail_delay = false
    [lockout]
    failures = 0
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    """
OPEN = "RELAY Accept *\n"
FILTERED = f"SMTPFILTER=TRUE\n{OPEN}"
MESSAGE = "Subject: x\r\n\r\nhello\r\n"
LONG = 600.0


class Inbox(Recorder):
    """An application that keeps messages; it takes no recipient `full`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.senders: list[str] = []


class Message:
    def __init__(self, inbox: Inbox, user: Any) -> None:
        self._inbox, self._user, self._lines = inbox, user, list[bytes]()

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        self._lines.append(line)

    def eomReceived(self) -> Any:  # noqa: N802
        content = b"".join(line + b"\r\n" for line in self._lines)
        self._inbox.senders.append(str(self._user.orig))
        self._inbox.messages.append(((str(self._user.dest),), content))
        return succeed(None)

    def connectionLost(self) -> None:  # noqa: N802
        self._lines.clear()


@implementer(IMessageDelivery)
class Delivery:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def validateFrom(self, _: object, origin: object) -> object:  # noqa: N802
        self._inbox.asked.append(f"from {origin}")
        return origin

    def validateTo(self, user: Any) -> Any:  # noqa: N802
        self._inbox.asked.append(f"to {user.dest}")
        if user.dest.local == b"full":
            raise smtp.SMTPBadRcpt(user)
        return lambda: Message(self._inbox, user)

    def receivedHeader(self, *_: object) -> bytes:  # noqa: N802
        return b""


class Realm:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def requestAvatar(self, *_: object) -> Any:  # noqa: N802
        return IMessageDelivery, Delivery(self._inbox), lambda: None


@pytest.fixture(scope="module")
def authenticator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwistedAuthenticator]:
    folder = ConfigFolder(tmp_path_factory.mktemp("etc"))
    folder.settings(SETTINGS)
    folder.service("smtpd.auth", "auth required om_auth\naccount required om_auth")
    people = Userlist.create(folder.path)
    people.add("jsmith", PASSWORD, addresses=("john.smith@example.com", "js@example.com"))
    people.close()
    authenticator = TwistedAuthenticator(folder.path)
    yield authenticator
    authenticator.close()


class Server:
    """What tests start servers by."""

    def __init__(self, thread: TwistedThread, asked: TwistedAuthenticator, folder: Path) -> None:
        self.thread = thread
        self.authenticator = asked
        self.folder = folder

    @contextlib.contextmanager
    def serving(
        self,
        rules: str,
        *,
        address: str = "192.0.2.7",
        name: str = "",
        settings: SmtpAccessSettings | None = None,
        size_limit: int = AccessESMTP.size_limit,
        has_rules: bool = True,
        load: bool = True,
        **filters: Any,
    ) -> Iterator[tuple[int, Inbox]]:
        """Yield the port of a server whose clients come from an address, and its application."""
        (self.folder / "smtpd.cfg").write_text(rules)
        access = AccessControl(self.folder, settings or SmtpAccessSettings(), "mx.example.com")
        if load:
            access.file.load()
        inbox = Inbox()
        realm: Any = Realm(inbox)
        checker: Any = AllowAnonymousAccess()
        portal = Portal(realm, [checker])
        resolver = Names({address: name} if name else {})

        class FromElsewhere(AccessESMTP):
            def client(self) -> Host:
                return Host(read_address(address))

        def make() -> ESMTP:
            if not has_rules:
                return ESMTP(self.authenticator, portal)
            protocol = FromElsewhere(
                self.authenticator, portal, access=access, resolver=resolver, **filters
            )
            protocol.size_limit = size_limit
            return protocol

        def listen() -> Any:
            return reactor.listenTCP(0, Factory.forProtocol(make), interface="127.0.0.1")

        port = self.thread.call(listen)
        try:
            yield port.getHost().port, inbox
        finally:
            self.thread.call(port.stopListening)


@pytest.fixture
def server(
    reactor_thread: TwistedThread, authenticator: TwistedAuthenticator, tmp_path: Path
) -> Server:
    return Server(reactor_thread, authenticator, tmp_path)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.place)
def test_client_is_told_what_the_scenario_says(row: Row, server: Server) -> None:
    settings = SmtpAccessSettings(compare_from="from" in row.place)
    with server.serving(row.rules, settings=settings, address=row.address, name=row.name) as (
        port,
        inbox,
    ):
        told = by_smtplib(port, row)
    check(row, told, inbox)


def sent(
    port: int,
    content: str = MESSAGE,
    recipients: Sequence[str] = ("bob@example.com",),
    sender: str = "js@example.com",
    *,
    logged_in: bool = True,
) -> tuple[int, str]:
    """Return what is said to a message, once its recipients are accepted."""
    with smtplib.SMTP("127.0.0.1", port, timeout=patience(60)) as client:
        client.ehlo("pc.example.com")
        if logged_in:
            client.login("jsmith", PASSWORD)
        assert client.mail(sender)[0] == 250
        for recipient in recipients:
            assert client.rcpt(recipient)[0] == 250
        code, text = client.data(content)
    return code, text.decode()


def test_a_recipient_for_whom_a_message_is_dropped_is_not_heard_of(server: Server) -> None:
    with server.serving(f"RECIPIENT Discard trash@*\n{OPEN}") as (port, inbox):
        assert sent(port, recipients=["trash@example.com", "bob@example.com"])[0] == 250
        assert sent(port, recipients=["trash@example.com"])[0] == 250
    assert inbox.messages == [(("bob@example.com",), MESSAGE.encode())]
    assert not any("trash" in each for each in inbox.asked)


def test_the_application_refuses_as_before(server: Server) -> None:
    with (
        server.serving(OPEN) as (port, inbox),
        smtplib.SMTP("127.0.0.1", port, timeout=patience(60)) as client,
    ):
        client.ehlo("pc.example.com")
        client.mail("a@example.com")
        assert client.rcpt("full@example.com")[0] == 550
        assert client.rcpt("bob@example.com")[0] == 250
        assert client.data(MESSAGE)[0] == 250
    assert len(inbox.messages) == 1


def test_a_message_stays_octet_for_octet_but_for_forged_marks(server: Server) -> None:
    forged = "X-Scalix-Anonymous-Message: no\r\n"
    content = f"Subject: folded\r\n value\r\n{forged}\r\n..dots\r\n.\r\n \xe4\r\n"
    with (
        server.serving(OPEN) as (port, inbox),
        smtplib.SMTP("127.0.0.1", port, timeout=patience(60)) as client,
    ):
        client.ehlo("pc.example.com")
        client.mail("a@example.com")
        client.rcpt("bob@example.com")
        assert client.data(content.encode("latin-1"))[0] == 250
    [(_, octets)] = inbox.messages
    assert octets == content.replace(forged, "").encode("latin-1")


def test_commands_that_are_sent_ahead_are_answered_in_their_order(server: Server) -> None:
    rules = f"SUBMIT Header *.slow.example\n{OPEN}ORIGINATOR Reject *@spam.example\n"
    commands = (
        "EHLO x\r\nMAIL FROM:<a@spam.example>\r\nMAIL FROM:<a@b.example>\r\n"
        f"RCPT TO:<c@d.example>\r\nDATA\r\n{MESSAGE}.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n"
    )
    with server.serving(rules, name="pc.slow.example") as (port, inbox):
        client = smtplib.SMTP("127.0.0.1", port, timeout=patience(60))
        assert client.sock is not None
        client.send(commands)
        codes: list[int] = []
        while len(codes) < 9:
            codes.append(client.getreply()[0])
        client.close()
    assert codes == [250, 550, 250, 250, 354, 250, 250, 250, 221]
    assert inbox.messages[0][1].startswith(b"X-Scalix-Suspicious-Host: pc.slow.example\r\n")


def test_what_is_too_large_is_refused_and_not_held(server: Server) -> None:
    with server.serving(OPEN, size_limit=1000) as (port, inbox):
        assert sent(port, MESSAGE + "x\r\n" * 400)[0] == 552
        assert sent(port)[0] == 250
    assert len(inbox.messages) == 1


@pytest.mark.parametrize("has_rules", [True, False])
def test_what_follows_a_line_that_is_cut_off_is_no_command(
    server: Server, *, has_rules: bool
) -> None:
    with server.serving(OPEN, has_rules=has_rules) as (port, inbox):
        client = smtplib.SMTP("127.0.0.1", port, timeout=patience(60))
        client.ehlo("pc.example.com")
        client.mail("a@example.com")
        client.rcpt("bob@example.com")
        client.docmd("DATA")
        client.send("Subject: " + "x" * 20_000)
        assert client.getreply()[0] == 500
        rest = b""
        with contextlib.suppress(OSError):
            client.send("\r\nNOOP\r\nQUIT\r\n")
            assert client.file is not None
            rest = client.file.read()
        client.close()
    assert not rest
    assert not inbox.messages


def test_a_mistake_in_the_rules_leaves_the_last_good_ones(server: Server) -> None:
    with server.serving(OPEN) as (port, _):
        (server.folder / "smtpd.cfg").write_text("SUBMT Reject *\n")
        assert sent(port)[0] == 250


def test_rules_that_never_could_be_used_close_the_connection(server: Server) -> None:
    with server.serving("SUBMT Reject *\n", load=False) as (port, inbox):
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            smtplib.SMTP("127.0.0.1", port, timeout=patience(60))
        assert refused.value.smtp_code == 421
    assert not inbox.messages


# Groups and limits


@contextlib.contextmanager
def own_policy(asked: TwistedAuthenticator, text: str) -> Iterator[UserStore]:
    """Give jsmith a policy of their own, and forget what they submitted afterwards."""
    with UserStore(asked.config.userlist_url) as store:
        store.update(store.get("jsmith"), policy=text)
        try:
            yield store
        finally:
            store.update(store.get("jsmith"), policy="")
            store.forget_submissions(store.get("jsmith"))


def test_a_user_may_submit_no_more_than_the_limits_say(server: Server) -> None:
    recipients = [f"u{number}@example.com" for number in range(3)]
    policy = '{"recipients_per_hour":5,"lock_factor":1}'
    with own_policy(server.authenticator, policy), server.serving(OPEN) as (port, inbox):
        assert sent(port, recipients=[*recipients, *recipients])[0] == 550
        assert sent(port, recipients=recipients)[0] == 250
        assert sent(port, recipients=recipients)[0] == 450
        # The user is locked now, and cannot log in for submission.
        with pytest.raises(smtplib.SMTPAuthenticationError):
            sent(port)
        assert sent(port, logged_in=False)[0] == 250
    assert len(inbox.messages) == 4


def test_a_message_that_cannot_be_counted_is_put_off(server: Server) -> None:
    policy = '{"messages_per_hour":1}'
    with own_policy(server.authenticator, policy) as store, server.serving(OPEN) as (port, inbox):
        key = user_key(store.get("jsmith").id)
        statement = insert(submissions).values(key=key, counts="no counts", forgotten=0)
        store.transaction(lambda connection: connection.execute(statement))
        assert sent(port)[0] == 451
    assert not inbox.messages


def test_the_rules_of_a_group_hold_for_its_members(server: Server) -> None:
    rules = "AUTH_SUCCESS Reject *\nRELAY Accept *\nGROUP mailers\nAUTH_SUCCESS Accept *\n"
    mailers = NewGroup(name="mailers", or_name=usual_or_name("mailers"))
    with (
        own_policy(server.authenticator, "") as store,
        server.serving(rules) as (port, _),
        smtplib.SMTP("127.0.0.1", port, timeout=patience(60)) as client,
    ):
        client.login("jsmith", PASSWORD)
        assert client.mail("js@example.com")[0] == 550
        store.groups.add(mailers, ["jsmith"])
        assert client.mail("js@example.com")[0] == 250
        store.groups.delete(store.groups.get("mailers"))
        client.rset()
        assert client.mail("js@example.com")[0] == 550


# Filters


def test_without_a_filter_messages_are_deferred(server: Server) -> None:
    with server.serving(FILTERED) as (port, inbox):
        assert sent(port) == (451, "4.3.5 Mail filters are not available")
    assert not inbox.messages


def test_a_scanner_that_is_not_there_defers(server: Server) -> None:
    scanners = [ScannerSettings("/nowhere/clamd")]
    with server.serving(FILTERED, scanners=scanners) as (port, inbox):
        assert sent(port)[0] == 451
    with server.serving(OPEN, scanners=scanners) as (port, _):
        assert sent(port)[0] == 250
    assert not inbox.messages


Replies = Callable[[m.Command], list[m.Reply]]


@contextlib.contextmanager
def milter(replies: Replies) -> Iterator[MilterSettings]:
    """Run a milter that says at the end of a message what a function says."""

    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        packets = PacketReader()
        try:
            while octets := await reader.read(65536):
                for code, data in packets.receive(octets):
                    command = decode_command(code, data)
                    if isinstance(command, m.Negotiate):
                        writer.write(encode(m.Negotiate(6, Actions.ALL, Steps.NONE)))
                    elif not isinstance(command, m.Macros | m.Abort | m.Quit):
                        writer.write(b"".join(map(encode, replies(command))))
        finally:
            writer.transport.abort()

    with tempfile.TemporaryDirectory(prefix="milter", dir="/tmp") as folder:
        path = f"{folder}/m"
        loop = asyncio.new_event_loop()
        served = loop.run_until_complete(asyncio.start_unix_server(talk, path))
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield MilterSettings(path, LONG, LONG)
        finally:
            loop.call_soon_threadsafe(served.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            for task in asyncio.all_tasks(loop):
                task.cancel()
                loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            # A transport that was given up closes in a later round.
            for writer in writers:
                with contextlib.suppress(OSError):
                    loop.run_until_complete(writer.wait_closed())
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()


def test_a_milter_sees_the_marks_and_changes_the_message(server: Server) -> None:
    told: list[m.Command] = []

    def replies(command: m.Command) -> list[m.Reply]:
        told.append(command)
        if not isinstance(command, m.EndOfMessage):
            return [m.Continue()]
        return [
            m.AddHeader("X-Milter", "yes"),
            m.DeleteRecipient("<gone@example.com>"),
            m.AddRecipient("<added@example.com>"),
            m.ChangeSender("<changed@example.com>"),
            m.Continue(),
        ]

    rules = f"{FILTERED}AUTH_SUCCESS Header *\n"
    with milter(replies) as settings, server.serving(rules, milters=[settings]) as (port, inbox):
        assert sent(port, recipients=["bob@example.com", "gone@example.com"])[0] == 250
    assert [each for (each,), _ in inbox.messages] == ["bob@example.com", "added@example.com"]
    assert inbox.senders == ["changed@example.com"] * 2
    head = inbox.messages[0][1].partition(b"\r\n\r\n")[0]
    assert head.endswith(b"\r\nSubject: x\r\nX-Milter: yes")
    names = [each.name for each in told if isinstance(each, m.Header)]
    assert names == ["X-Scalix-Authenticated-Sender", "Subject"]
    assert [each for each in told if isinstance(each, m.Mail)] == [m.Mail("<js@example.com>", ())]


def test_a_recipient_that_a_milter_adds_may_be_refused(server: Server) -> None:
    def replies(command: m.Command) -> list[m.Reply]:
        if isinstance(command, m.EndOfMessage):
            return [m.AddRecipient("<full@example.com>"), m.Continue()]
        return [m.Continue()]

    with milter(replies) as settings, server.serving(FILTERED, milters=[settings]) as (port, inbox):
        assert sent(port)[0] == 550
    assert not inbox.messages


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (m.ReplyCode("550-5.7.1 no\r\n550 5.7.1 never"), 550),
        (m.TempFail(), 451),
        (m.Discard(), 250),
    ],
)
def test_a_milter_decides(server: Server, reply: m.Reply, code: int) -> None:
    def replies(command: m.Command) -> list[m.Reply]:
        return [reply if isinstance(command, m.EndOfMessage) else m.Continue()]

    with milter(replies) as settings, server.serving(FILTERED, milters=[settings]) as (port, inbox):
        assert sent(port)[0] == code
    assert not inbox.messages
