"""How lines are read that clients do send: spaces, numbers, tags, literals; and who answers."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable

import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.talk import Talk
from tests.unit.adapters.test_replies import SUCCESS
from ualauth.adapters.sasl_lines import AuthSyntax, read_auth

pytestmark = pytest.mark.usefixtures("unbroken")
PLAIN = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
NAME = b64encode(b"jsmith").decode()
ENHANCED = re.compile(r"[245]\d\d[ -]([245])\.\d{1,3}\.\d{1,3} \S")
SMTP = ["twisted-smtp", "aiosmtpd-smtp"]
IMAP = ["twisted-imap", "pymap-imap"]


@pytest.mark.parametrize("name", ["scram-sha-256", "PLAIN", "X"])
@pytest.mark.parametrize("initial", [None, b"=", b"AAAA"])
@pytest.mark.parametrize("spaces", [b" ", b"  ", b"     "])
def test_words_of_auth_are_read_alike(name: str, initial: bytes | None, spaces: bytes) -> None:
    words = spaces.join([b"", name.encode(), *([initial] if initial else []), b""])
    command = read_auth(words)
    assert (command.mechanism, command.initial) == (name, initial)


def test_an_initial_response_is_in_no_text_of_its_command() -> None:
    assert "AGpzbWl0aABz" not in repr(read_auth(b"PLAIN AGpzbWl0aABz"))


@pytest.mark.parametrize("arguments", [b"", b"   ", b"PLAIN AA== AA==", b"a b c d"])
def test_other_numbers_of_words_are_wrong(arguments: bytes) -> None:
    with pytest.raises(AuthSyntax):
        read_auth(arguments)


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ("SCRAM-SHA-256 ", "+"),
        ("LOGIN  {name}", "+ UGFzc3dvcmQ6"),
        ("LOGIN {name} ", "+ UGFzc3dvcmQ6"),
        (" PLAIN {plain}", None),
        ("PLAIN   {plain}  ", None),
        ("  PLAIN  ", "+"),
        ("plain {plain}", None),
    ],
)
def test_more_spaces_are_one(
    side: Side, certificates: Certificates, arguments: str, first: str | None
) -> None:
    with side.connect(certificates.client_context()) as talk:
        talk.command("EHLO me" if side.protocol == "smtp" else "NOOP")
        command = "a AUTHENTICATE" if side.protocol == "imap" else "AUTH"
        talk.send(f"{command} {arguments.format(name=NAME, plain=PLAIN)}")
        answer = talk.challenge()
        assert answer.strip().startswith(first or SUCCESS[side.protocol]), answer


def test_syntax_of_auth_is_no_failed_login(side: Side, certificates: Certificates) -> None:
    expected = {"imap": "a BAD", "pop3": "-ERR", "smtp": "501 5.5.4"}[side.protocol]
    with side.connect(certificates.client_context(), most_failures=1) as talk:
        talk.command("EHLO me" if side.protocol == "smtp" else "NOOP")
        command = "AUTHENTICATE" if side.protocol == "imap" else "AUTH"
        for _ in range(3):
            assert talk.command(f"{command} PLAIN {PLAIN} {PLAIN}")[-1].startswith(expected)
        assert talk.begin_login("PLAIN", PLAIN).startswith(SUCCESS[side.protocol])


def pop3(sides: Callable[[str], Side], certificates: Certificates) -> Talk:
    """Return a connection of POP3 on which a user is logged in."""
    talk = sides("twisted-pop3").connect(certificates.client_context())
    assert talk.password("jsmith", PASSWORD).startswith("+OK")
    return talk


@pytest.mark.parametrize("command", ["STAT", "NOOP", "CAPA", "RSET", "QUIT", "LIST", "UIDL"])
def test_space_behind_a_command_of_pop3_is_none(
    sides: Callable[[str], Side], certificates: Certificates, command: str
) -> None:
    with pop3(sides, certificates) as talk:
        talk.send(f"{command} ")
        assert talk.read().startswith("+OK")


@pytest.mark.parametrize("number", ["0", "-1", "+1", "1_0", "٣", "1.0", "", "9" * 30])
@pytest.mark.parametrize("command", ["RETR", "DELE", "LIST", "UIDL", "TOP"])
def test_number_of_a_message_is_made_of_digits(
    sides: Callable[[str], Side], certificates: Certificates, command: str, number: str
) -> None:
    with pop3(sides, certificates) as talk:
        lines = " 1" if command == "TOP" else ""
        if not number and command in {"LIST", "UIDL"}:
            # Without one, they are about all messages.
            number = "x"
        assert talk.command(f"{command} {number}{lines}")[0].startswith("-ERR")


@pytest.mark.parametrize("length", ["1_3", "6 ", " 6", "+6", "-6", "٦", "", "0x6", "6.0"])
@pytest.mark.parametrize("name", IMAP)
def test_length_of_a_literal_is_made_of_digits(
    sides: Callable[[str], Side], name: str, length: str
) -> None:
    with sides(name).connect() as talk:
        assert talk.command(f"LOGIN {{{length}}}")[-1].startswith("a BAD")


@pytest.mark.parametrize("tag", ["+", "a+", "*", "a%", '"a"', "(a)", "a{", "\\a", "ä"])
@pytest.mark.parametrize("name", IMAP)
def test_tag_that_reads_as_another_reply_is_not_repeated(
    sides: Callable[[str], Side], name: str, tag: str
) -> None:
    with sides(name).connect() as talk:
        talk.send(f"{tag} LOGIN a b")
        # pymap takes the tag for shorter, and a space for missing.
        assert talk.read().startswith(("* BAD", "* BYE", "a BAD"))


@pytest.mark.parametrize(
    "lines",
    [
        ["a LOGIN jsmith {13+}", "correct horse"],
        ["a LOGIN {6+}", "jsmith {13+}", "correct horse"],
        ["a LOGIN {6}", "jsmith {13+}", "correct horse"],
        ["a AUTHENTICATE {5+}", "PLAIN"],
        ["a NOSUCH {13+}", "correct horse"],
        ["a LOGIN jsmith {1_3+}", "correct horse"],
        ["{13+}", "correct horse"],
    ],
)
def test_octets_of_a_refused_literal_are_no_command(
    sides: Callable[[str], Side], certificates: Certificates, lines: list[str]
) -> None:
    with sides("twisted-imap").connect(certificates.client_context()) as talk:
        if "6}" in lines[0]:
            talk.send(lines.pop(0))
            assert talk.read().startswith("+ ")
        talk.send("\r\n".join([*lines, "b NOOP"]))
        answers = iter(talk.read, "")
        assert all(line.startswith(("* BYE", "a BAD")) for line in answers), talk.came
        assert any(line.startswith("* BYE") for line in talk.came)


@pytest.mark.parametrize("name", SMTP)
def test_commands_that_must_be_there(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    with sides(name).connect(certificates.client_context()) as talk:
        for _ in range(2):
            assert talk.command("NOOP")[0].startswith("250 ")
            assert talk.command("RSET")[0].startswith("250 ")
            talk.command("EHLO me")
            assert talk.command("VRFY jsmith")[-1].startswith("252 ")
            assert talk.command("NOOP a word")[0].startswith(("250 ", "501 "))
            assert talk.command("HELP")[-1][:3] in {"214", "250"}
            talk.password("jsmith", PASSWORD)


def test_every_reply_has_an_enhanced_code(
    sides: Callable[[str], Side], certificates: Certificates
) -> None:
    context = certificates.client_context()
    with sides("twisted-smtp").connect(context) as talk:
        assert talk.command("HELO me")[0].startswith("250 ")
        assert "250 ENHANCEDSTATUSCODES" in talk.command("EHLO me")
        commands = (
            *("NOOP", "HELP", "VRFY x", "EXPN x", "NOSUCH", "", "AUTH", "AUTH NOSUCH", "STARTTLS"),
            *(
                "RCPT TO:<a@example.com>",
                "DATA",
                "MAIL",
                "MAIL FROM:<",
                "MAIL FROM:<a@example.com>",
            ),
            *("MAIL FROM:<a@example.com>", "RCPT", "RCPT TO:<b@example.com>", "RSET", "DATA"),
            *(f"AUTH PLAIN {PLAIN}", f"AUTH PLAIN {PLAIN}", "QUIT"),
        )
        for command in commands:
            for line in talk.command(command):
                code = ENHANCED.match(line)
                assert code is not None, (command, line)
                assert code[1] == line[0]
    with sides("twisted-smtp").connect() as talk:
        talk.command("EHLO me")
        assert talk.command("STARTTLS")[0] == "220 2.0.0 Begin TLS negotiation now"


@pytest.mark.parametrize("name", SMTP)
def test_line_of_auth_that_is_too_long_is_said_to_be(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    with sides(name).connect(certificates.client_context()) as talk:
        talk.command("EHLO me")
        assert talk.command(f"AUTH PLAIN {'A' * 13_000}")[0].startswith("500 5.5.6")
        assert talk.begin_login("PLAIN").startswith("+")
        talk.send("A" * 13_000)
        assert talk.challenge().startswith("500 5.5.6")
        assert talk.begin_login("PLAIN", PLAIN).startswith("235")
