"""Every scenario of the access rules, as Postfix applies them: the verdicts of aiosmtpd."""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP

from tests.integration.daemon.postfix import Postfix, folder_for_postfix, postfix
from tests.machine import patience
from tests.smtp_access.clients import Told, submit
from tests.smtp_access.scenario import FOLDER, Row, rows
from tests.smtp_access.servers import Recorder, Server
from tests.smtp_access.test_dialogues import _DATE
from tests.unit.daemon.conftest import OM_AUTH
from tests.unit.daemon.serving import PLAIN_SETTINGS, served
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

CASES = sorted(path.stem for path in FOLDER.glob("*.case"))
WAYS = ("postfix-policy", "milter")
MOST_RECIPIENTS = 300
"""More than the rows of a file have together."""
POLICY = (
    "smtpd_client_restrictions", "smtpd_sender_restrictions", "smtpd_recipient_restrictions",
    "smtpd_data_restrictions", "smtpd_end_of_data_restrictions",
)  # fmt: skip
SASL = PLAIN_SETTINGS.replace('"SCRAM-SHA-256", "CRAM-MD5", "PLAIN"', '"PLAIN"').replace(
    "[sasl]", "[sasl]\nplaintext_without_tls = true"
)
# The protocol shows no header of a message.
NOT_SEEN = {("postfix-policy", "from_header:6"): "delivered"}


@dataclass(frozen=True)
class Mail:
    postfix: Postfix
    sink: Recorder


def options(way: str, case: str, folder: Path) -> list[str]:
    socket = f"unix:{folder}/ualauth/{case}-{way}"
    if way == "milter":
        return [f"smtpd_milters = {socket}"]
    asked = f"check_policy_service {socket}"
    return [f"{name} = {asked}, {asked}" for name in POLICY]


@contextmanager
def daemons(folder: Path) -> Iterator[None]:
    """Serve the rules of each case file on sockets of their own."""
    rules = {Path(row.place).name.partition(":")[0]: row.rules for row in rows()}
    with ExitStack() as running:
        for case in CASES:
            home = folder / "etc-ualauth" / case
            home.mkdir(parents=True)
            config = ConfigFolder(home)
            config.service("submission", OM_AUTH)
            (home / "smtpd.cfg").write_text(rules[case])
            userlist = Userlist.create(home)
            running.callback(userlist.close)
            addresses = ("john.smith@example.com", "js@example.com")
            userlist.add("jsmith", "correct horse", addresses=addresses)
            sockets = [("dovecot-auth", 'service = "submission"')] * (case == CASES[0])
            sockets += [(way, 'server_name = "mx.example.com"') for way in WAYS]
            tables = (
                f'[[listen]]\nprotocol = "{way}"\nmode = "0666"\n{more}\n'
                f'path = "{folder}/ualauth/{"" if way == "dovecot-auth" else f"{case}-"}{way}"\n'
                for way, more in sockets
            )
            compared = f"[smtp_access]\ncompare_from = {str('from' in case).lower()}\n"
            compared += f"[submission]\nrecipients_per_hour = {MOST_RECIPIENTS}\n"
            config.settings("\n".join([SASL, compared, *tables]))
            running.enter_context(served(config))
        yield


@pytest.fixture(scope="module")
def mail() -> Iterator[Mail]:
    sink = Recorder()
    with ExitStack() as running:
        folder = running.enter_context(folder_for_postfix())
        running.enter_context(daemons(folder))
        server = Server(sink, SMTP)  # type: ignore[arg-type]  # a handler of any kind
        server.start()
        running.callback(server.stop)
        services = {f"{way}/{case}": options(way, case, folder) for way in WAYS for case in CASES}
        instance = running.enter_context(postfix(folder, server.port, services))
        yield Mail(instance, sink)


def submitted(port: int, row: Row) -> Told:
    """Submit by smtplib, from where the row says."""
    with smtplib.SMTP("127.0.0.1", port, timeout=patience(60)) as client:
        client.ehlo("pc.example.com")
        name = row.name or "[UNAVAILABLE]"
        code, text = client.docmd(f"XCLIENT NAME={name} ADDR={row.address}")
        if code >= 400:
            return Told("connect", f"{code} {text.decode()}")
        client.ehlo("pc.example.com")
        return submit(client, row)


def inserted(content: bytes) -> str:
    """Return the headers of the rules, and DATE for dates."""
    header = content.partition(b"\r\n\r\n")[0].decode("ascii")
    unfolded = re.sub(r"\r\n[ \t]+", " ", header)
    marks = [line for line in unfolded.split("\r\n") if line.startswith("X-Scalix-")]
    return _DATE.sub("DATE", "; ".join(marks))


def wait_for(mail: Mail, what: Callable[[], bool]) -> None:
    end = time.monotonic() + patience(30)
    while not what():
        assert time.monotonic() < end, mail.postfix.log
        time.sleep(0.02)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", rows(), ids=lambda row: row.place)
def test_postfix_says_what_the_scenario_says(row: Row, way: str, mail: Mail) -> None:
    mail.sink.messages.clear()
    logged = len(mail.postfix.log)
    told = submitted(mail.postfix.ports[f"{way}/{row.place.partition(':')[0]}"], row)
    word, _, more = NOT_SEEN.get((way, row.place), row.expected).partition(" ")
    if word == "delivered":
        assert told == Told("accepted")
        wait_for(mail, lambda: bool(mail.sink.messages))
        [(recipients, content)] = mail.sink.messages
        assert recipients == (row.recipient,)
        assert inserted(content) == more
        assert content.endswith(b"\r\n\r\nHello.\r\n")
    elif word == "discarded":
        assert told == Told("accepted")
        wait_for(mail, lambda: "discard: " in mail.postfix.log[logged:])
        assert mail.sink.messages == []
    else:
        assert told.step == word
        # Postfix puts between the codes and the text what the reply is about.
        code, status, *text = more.split(" ", 2)
        if (way, word) == ("milter", "connect"):
            # Of a milter's reply to a client that connects, Postfix takes the code alone.
            status, text = "mx.example.com", []
        assert told.reply.startswith(f"{code} {status} ")
        assert told.reply.endswith("".join(text))
        assert mail.sink.messages == []


def sent(
    mail: Mail,
    case: str,
    recipients: list[str],
    content: str,
    sender: str,
    way: str = "milter",
) -> Told:
    """Submit any message as jsmith."""
    mail.sink.messages.clear()
    port = mail.postfix.ports[f"{way}/{case}"]
    with smtplib.SMTP("127.0.0.1", port, timeout=patience(60)) as client:
        client.ehlo("pc.example.com")
        client.docmd("XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7")
        client.ehlo("pc.example.com")
        client.login("jsmith", "correct horse")
        assert client.mail(sender)[0] == 250
        assert [client.rcpt(each)[0] for each in recipients] == [250] * len(recipients)
        try:
            code, text = client.data(content)
        except smtplib.SMTPDataError as error:
            # Refused at DATA, and not at the end of the message.
            code, text = error.smtp_code, bytes(error.smtp_error)
    return Told("accepted" if code == 250 else "data", f"{code} {text.decode()}")


def test_a_milter_drops_one_recipient_and_removes_forged_marks(mail: Mail) -> None:
    forged = "X-Scalix-Authenticated-Sender: boss@example.com\nx-scalix-Other: 1\n"
    content = f"{forged}From: js@example.com\n{forged}Subject: x\n folded\n\nHello.\n"
    recipients = ["trash@far.example", "ann@far.example"]
    told = sent(mail, "marks", recipients, content, "js@example.com")
    assert told.step == "accepted"
    wait_for(mail, lambda: bool(mail.sink.messages))
    [(recipients_left, message_as_sent)] = mail.sink.messages
    assert recipients_left == ("ann@far.example",)
    assert inserted(message_as_sent) == (
        "X-Scalix-Authenticated-Sender: john.smith@example.com; authenticated by mx.example.com"
        " at DATE"
    )
    assert b"x-scalix-other" not in message_as_sent.lower()
    assert b"Subject: x\r\n folded\r\n" in message_as_sent


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        ("From: boss@example.com\n", "<>"),
        ("Subject: x\n", "<>"),
        ("Subject: x\nFrom : boss@example.com\nFrom: js@example.com\n", "js@example.com"),
        ("From: js@example.com\nFROM: boss@example.com\n", "js@example.com"),
        ("From:\n boss@example.com\n", "js@example.com"),
        ("From: js@example.com,\n boss@example.com\n", "js@example.com"),
    ],
)
def test_a_milter_compares_the_header(mail: Mail, header: str, sender: str) -> None:
    told = sent(mail, "from_header", ["ann@far.example"], f"{header}\nHello.\n", sender)
    assert told.reply == "550 5.7.1 The originator is not an address of the authenticated user"


@pytest.mark.parametrize("way", WAYS)
def test_a_user_may_submit_no_more_than_the_limits_say(mail: Mail, way: str) -> None:
    recipients = [f"user{number}@far.example" for number in range(MOST_RECIPIENTS + 1)]
    content = "From: js@example.com\n\nHello.\n"
    told = sent(mail, "marks", recipients, content, "js@example.com", way)
    # Postfix puts between the codes and the text what the reply is about.
    assert told.reply.startswith("550 5.5.3 ")
    assert told.reply.endswith("Too many recipients")
    assert sent(mail, "marks", recipients[:1], content, "js@example.com", way).step == "accepted"
    wait_for(mail, lambda: bool(mail.sink.messages))
    assert mail.sink.messages[0][0] == ("user0@far.example",)
