"""Lines that two servers could read in two ways, and replies that repeat nothing of a line."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.talk import Talk
from tests.unit.adapters.test_replies import REPLIES, SUCCESS
from ualauth.adapters.sasl_lines import AuthSyntax, decoded, read_auth, without_end, words_of

pytestmark = pytest.mark.usefixtures("unbroken")
PLAIN = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
BEGINNING = {"imap": "a AUTHENTICATE", "pop3": "AUTH", "smtp": "AUTH"}
SYNTAX = {"imap": "a BAD", "pop3": "-ERR Syntax", "smtp": "501 5.5.4"}
CONTROLS = ["\t", "\v", "\f", "\0", "\x1f", "\x7f", "\r", " \t ", "\t\t"]
IMAP = ["twisted-imap", "pymap-imap"]


@pytest.mark.parametrize("separator", [*CONTROLS, "\n", "\r\n"])
def test_words_of_auth_are_separated_by_spaces_alone(separator: str) -> None:
    with pytest.raises(AuthSyntax):
        read_auth(f"PLAIN{separator}{PLAIN}".encode())


@pytest.mark.parametrize("end", [b" ", b"\t", b" \t ", b""])
def test_white_space_at_the_end_is_none(end: bytes) -> None:
    assert read_auth(b"PLAIN AAAA" + end).initial == b"AAAA"
    assert words_of(b" a  b" + end) == [b"a", b"b"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_has_one_end(end: bytes) -> None:
    assert without_end(b"AAAA" + end) == b"AAAA"
    for more in (b"\r\r\n", b"\n\n", b"\r\n\r\n", b"\n\r\n"):
        assert not decodes(without_end(b"AAAA" + more))


def decodes(line: bytes) -> bool:
    """Return whether a line is base64."""
    try:
        return decoded(line) is not None
    except Exception:  # noqa: BLE001 - whatever the reason
        return False


def greeted(side: Side, certificates: Certificates, **options: Any) -> Talk:
    """Return a connection under TLS on which a login may begin."""
    talk = side.connect(certificates.client_context(), **options)
    if side.protocol == "smtp":
        talk.command("EHLO me")
    return talk


@pytest.mark.parametrize("separator", CONTROLS)
def test_control_characters_separate_nothing(
    side: Side, certificates: Certificates, separator: str
) -> None:
    """And what cannot be read is no failed login."""
    with greeted(side, certificates, most_failures=1) as talk:
        for _ in range(2):
            talk.send(f"{BEGINNING[side.protocol]} PLAIN{separator}{PLAIN}")
            assert talk.challenge().startswith(SYNTAX[side.protocol]), talk.came
        talk.send(f"{BEGINNING[side.protocol]} PLAIN {PLAIN}")
        assert talk.challenge().startswith(SUCCESS[side.protocol])


@pytest.mark.parametrize("end", ["\r", "\0", "\t", "\v", " ", "="])
def test_a_response_ends_where_its_line_does(
    side: Side, certificates: Certificates, end: str
) -> None:
    with greeted(side, certificates) as talk:
        assert talk.begin_login("PLAIN").startswith("+")
        talk.send(PLAIN + end)
        assert talk.challenge() == REPLIES[side.protocol]["no_base64"]
        assert talk.begin_login("PLAIN", PLAIN).startswith(SUCCESS[side.protocol])


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"])
def test_a_star_in_place_of_an_initial_response_gives_up(
    side: Side, certificates: Certificates, mechanism: str
) -> None:
    with greeted(side, certificates) as talk:
        answer = talk.begin_login(mechanism, "*")
        assert answer == REPLIES[side.protocol]["cancelled"]


# Behind LOGIN, each with the right name and password in it.
NOT_LOGIN = [
    'jsmith "pencil"x',
    '"jsmith"pencil',
    '"jsmith""pencil"',
    'jsmith "pencil""x"',
    'jsmith "pen\\cil"',
    '"j\\smith" pencil',
    'jsmith "pencil\\"',
    'jsmith pencil"',
    "jsmith \vpencil",
    "jsmith pencil\f",
    "jsmith pencil\r",
    "jsmith\tpencil",
    "jsmith\0 pencil",
    'jsmith "pencil\0"',
    "jsmith (pencil)",
    "jsmith {pencil",
    "jsmith pencil extra",
    'jsmith "pencil" "extra"',
    "jsmith",
    "",
]


@pytest.mark.parametrize("name", IMAP)
def test_what_is_no_string_is_no_argument_of_login(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    for arguments in NOT_LOGIN:
        # pymap ends a connection on which much cannot be read.
        with sides(name).connect(certificates.client_context()) as talk:
            talk.send(f"a LOGIN {arguments}")
            answer = talk.read()
            # pymap has quoted strings with NUL, which no password has.
            expected = ("a BAD", "a NO") if "\0" in arguments else "a BAD"
            assert answer.startswith(expected), (arguments, answer)
            assert talk.password("jsmith", PASSWORD).startswith("a OK")


@pytest.mark.parametrize("name", IMAP)
@pytest.mark.parametrize(
    "arguments",
    [
        "jsmith pencil",
        '"jsmith" "pencil"',
        'jsmith  "pencil" ',
        '"jsmith" pencil ',
        "{6}|jsmith pencil",
    ],
)
def test_login_takes_strings_of_every_form(
    sides: Callable[[str], Side], certificates: Certificates, name: str, arguments: str
) -> None:
    with sides(name).connect(certificates.client_context()) as talk:
        first, *rest = arguments.split("|")
        talk.send(f"a LOGIN {first}")
        for line in rest:
            assert talk.read().startswith("+ ")
            talk.send(line)
        assert talk.read().startswith("a OK")


@pytest.mark.parametrize("length", ["1_3", "13 ", " 13", "", "x", "0x6", "9" * 30])
def test_pymap_takes_no_octets_of_a_refused_literal_for_commands(
    sides: Callable[[str], Side], certificates: Certificates, length: str
) -> None:
    with sides("pymap-imap").connect(certificates.client_context()) as talk:
        with suppress(OSError):
            talk.send(f"a LOGIN jsmith {{{length}+}}\r\ncorrect horse\r\nb NOOP")
        answers = list(iter(talk.read, ""))
        assert len(answers) == 1
        assert answers[0].startswith("* BYE")


@pytest.mark.parametrize("password", ["x{5+}", "{5+}", "x{5}", "{0+}", "\r\n{4+}\r\n"])
def test_what_a_literal_ends_in_announces_none(
    sides: Callable[[str], Side], certificates: Certificates, password: str
) -> None:
    with sides("pymap-imap").connect(certificates.client_context()) as talk:
        talk.send(f"a LOGIN jsmith {{{len(password)}+}}\r\n{password}")
        assert talk.read() == REPLIES["imap"]["failed"]
        assert talk.password("jsmith", PASSWORD).startswith("a OK")


SECRET = "Xyzzy"


@pytest.mark.parametrize(
    "line",
    [
        f"a LOGIN jsmith correct {SECRET}",
        f"a {SECRET}",
        f"a LOGIN jsmith (x {SECRET}",
        f"AUTH\t{SECRET}",
        f"PASS\t{SECRET}",
        f"{SECRET}{SECRET}",
        f"a SELECT {SECRET} x {SECRET}",
        f"a AUTHENTICATE PLAIN {SECRET}! {SECRET}",
        f"a STARTTLS {SECRET}",
        f"a LOGOUT {SECRET}",
    ],
)
def test_a_reply_repeats_nothing_of_a_line(
    side: Side, certificates: Certificates, line: str
) -> None:
    """Programs write the replies of servers into their logs."""
    with greeted(side, certificates) as talk:
        talk.send(line)
        # A tag has to be repeated.
        reply = talk.read().casefold()
        assert reply
        tag = SECRET * 2 if side.protocol == "imap" else ""
        assert SECRET.casefold() not in reply.removeprefix(tag.casefold()), reply


@pytest.mark.parametrize("line", ["USER\tjsmith", " USER jsmith", "LOGIN x", "", "USER_ x"])
def test_a_command_of_pop3_that_there_is_not_asks_for_no_login(
    sides: Callable[[str], Side], certificates: Certificates, line: str
) -> None:
    with sides("twisted-pop3").connect(certificates.client_context()) as talk:
        assert talk.command(line)[0] == "-ERR Unknown command"
        assert talk.command("APOP jsmith x")[0] == "-ERR APOP is not offered"
        assert talk.command("STAT")[0] == "-ERR Log in first"
