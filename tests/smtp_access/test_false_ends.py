"""False ends of data make no second message, and what is said before STARTTLS is forgotten.

CVE-2023-51764, CVE-2023-51765 and CVE-2023-51766 are about the former, CVE-2021-33515
about the latter, in other servers.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from playground import PASSWORD, Playground

from tests.smtp_access.servers import Recorder
from tests.smtp_access.submission import submitting
from tests.smtp_access.test_submission import SPOOFING, log_in, mail, scram_of, talking, trusting
from tests.unit.sasl.clients import plain

LOGIN = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
FALSE_ENDS = [
    b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n.\r\r\n",
    b"\r\n.\0\r\n",
    b"\r\n\0.\r\n", b"\r\n. \r\n", b"\r\n .\r\n", b"\r\n.\n\r\n", b"\r\n.\x0b\r\n",
    b"\r\n.\x85", b"\n\r.\r\n",
    b"\r\n..\r\n", b"\r\n.\xe2\x80\xa8", b"\n.\r", b"\r\r\n.\r",
]  # fmt: skip


@pytest.mark.parametrize("end", FALSE_ENDS, ids=repr)
def test_a_false_end_of_data_makes_no_second_message(
    people: Playground, tmp_path: Path, end: bytes
) -> None:
    application = Recorder()
    second = (
        b"MAIL FROM:<js@example.com>\r\nRCPT TO:<ann@far.example>\r\nDATA\r\n"
        b"From: boss@example.com\r\nX-Second: yes\r\n\r\nIt is me.\r\n.\r\n"
    )
    with (
        submitting(people, tmp_path, SPOOFING, application) as server,
        talking(server, people) as talk,
    ):
        assert log_in(talk, "PLAIN", plain("jsmith", PASSWORD)) == "235"
        for command in ("MAIL FROM:<js@example.com>", "RCPT TO:<ann@far.example>", "DATA"):
            assert talk.command(command)[-1][:1] in "23"
        first = b"From: js@example.com\r\nX-First: yes\r\n\r\nHello."
        talk.socket.sendall(first + end + second + b"QUIT\r\n")
        told = []
        while line := talk.read():
            told.append(line)
    # Where the end is one to a server, it is for the first message alone, and nothing is said
    # to more commands than those that were there.
    assert len(application.messages) == 1
    (content,) = [content for _, content in application.messages]
    assert b"X-Second: yes" in content
    assert content.count(b"X-Scalix-Authenticated-Sender") == 1
    assert [line[:3] for line in told] == ["250", "221"]


AHEAD = [
    f"AUTH PLAIN {LOGIN}",
    f"EHLO x\r\nAUTH PLAIN {LOGIN}",
    f"AUTH PLAIN {LOGIN}\r\nMAIL FROM:<js@example.com>\r\nRCPT TO:<ann@far.example>",
    "MAIL FROM:<js@example.com>",
]


@pytest.mark.parametrize("ahead", AHEAD)
def test_what_is_said_behind_starttls_in_clear_is_forgotten(
    people: Playground, tmp_path: Path, ahead: str
) -> None:
    application = Recorder()
    rules = f"{SPOOFING}\nRELAY Accept *".replace("ANONYMOUS Reject *", "ANONYMOUS Header *")
    with (
        submitting(people, tmp_path, rules, application) as server,
        talking(server) as talk,
    ):
        talk.socket.sendall(f"STARTTLS\r\n{ahead}\r\n".encode())
        assert talk.read()[:3] == "220"
        talk.wrap(trusting(people))
        assert talk.command("EHLO pc.example.com")[-1][:3] == "250"
        assert talk.command("RCPT TO:<ann@far.example>")[-1][:3] == "503"
        assert mail(talk, "boss@example.com") == "250 OK"
        talk.command("RCPT TO:<ann@far.example>")
        talk.command("DATA")
        assert talk.command("From: boss@example.com\r\n\r\nx\r\n.")[-1][:3] == "250"
    ((_, content),) = application.messages
    assert content.startswith(b"X-Scalix-Anonymous-Message: ")
    assert b"Authenticated-Sender" not in content


def test_the_next_login_is_not_the_earlier_one(people: Playground, tmp_path: Path) -> None:
    application = Recorder()
    with submitting(people, tmp_path, SPOOFING, application) as server, talking(server) as talk:
        assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith")) == "235"
        assert mail(talk, "js@example.com") == "250 OK"
        talk.begin_tls(trusting(people))
        talk.command("EHLO pc.example.com")
        assert mail(talk, "js@example.com")[:3] == "530"
        assert log_in(talk, "PLAIN", plain("ann", PASSWORD)) == "235"
        assert mail(talk, "js@example.com")[:3] == "550"
        assert mail(talk, "ann@example.com") == "250 OK"
        talk.command("RCPT TO:<joe@far.example>")
        talk.command("DATA")
        assert talk.command("From: ann@example.com\r\n\r\nx\r\n.")[-1][:3] == "250"
    ((_, content),) = application.messages
    assert content.startswith(b"X-Scalix-Authenticated-Sender: ann@example.com; ")
