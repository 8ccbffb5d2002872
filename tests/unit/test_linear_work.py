"""What clients and files say costs work in proportion to its length, or is bounded before.

Calls and lines of Python are counted, at a length and at four times of it, so that no machine
is too fast or too slow for the measure. Bounds may make the longer one cheaper.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from ualauth.conditions.matching import networks, patterns
from ualauth.contract.credentials import MAX_NAME_BYTES
from ualauth.errors import UalauthError
from ualauth.passwords import stored
from ualauth.passwords.costs import is_too_costly
from ualauth.passwords.preparation import prepare_password
from ualauth.sasl.cram_md5 import CramMd5
from ualauth.sasl.mechanism import Channel, Malformed
from ualauth.sasl.oauthbearer import OAuthBearer
from ualauth.sasl.plain import Plain
from ualauth.sasl.preparation import prepare_name, prepare_query
from ualauth.sasl.scram import ScramSha256
from ualauth.sasl.xoauth2 import XOAuth2
from ualauth.smtp_access.address_list import read_addresses
from ualauth.smtp_access.host_patterns import read_host_pattern
from ualauth.smtp_access.mailbox_patterns import read_mailbox_pattern
from ualauth.smtp_access.mailboxes import read_recipient, read_sender
from ualauth.smtp_access.wildcards import matcher
from ualauth.system.networks import read_network, source_of
from ualauth.text.folding import fold
from ualauth.userlist.names import parse, parse_tagged, read_words

LENGTH = 100


class OneMessage:
    """A client that has said all that it says."""

    initial = None
    verifiers = ()
    channel = Channel()

    def __init__(self, message: bytes) -> None:
        self._message = message

    async def first(self) -> bytes:
        return self._message

    async def send(self, _: bytes) -> bytes:
        return self._message


def saying(mechanism: Any) -> Callable[[str], None]:
    def say(message: str) -> None:
        wire: Any = OneMessage(message.encode())
        with suppress(StopIteration, Malformed):
            mechanism().begin(wire).send(None)

    return say


def read_hash(text: str) -> bool:
    stored_password = stored.read(text)
    return is_too_costly(stored_password.scheme.name, stored_password.data)


def steps(call: Callable[[], object]) -> int:
    """Return how many calls and lines of Python there are, and calls of C."""
    count = 0

    def note(_: FrameType, event: str, __: object) -> Any:
        nonlocal count
        count += event in {"call", "line"}
        return note

    def note_c(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "c_call"

    before = sys.gettrace()
    sys.setprofile(note_c)
    sys.settrace(note)
    try:
        with suppress(ValueError, UalauthError):
            call()
    finally:
        sys.settrace(before)
        sys.setprofile(None)
    return count


Reader = Callable[[str], object]
# What reads -> what it may not like a lot of.
SHAPES: dict[str, tuple[Reader, tuple[Callable[[int], str], ...]]] = {
    "words of a name": (
        read_words,
        (
            lambda n: "J " * n + "S",
            lambda n: "AB " * n + "Smith",
            lambda n: "j. " * n + "X" * n,
            lambda n: "\\a " * n,
            lambda n: "\\" * n,
            lambda n: "A." * n,
            lambda n: "Ab " * n + "III",
        ),
    ),
    "O/R names": (
        parse,
        (
            lambda n: "/" * n,
            lambda n: "," * n,
            lambda n: "\\/" * n,
            lambda n: "S/" + "a," * n,
            lambda n: "J " * n + "S/" + "a" * n,
            lambda n: " " * n,
        ),
    ),
    "tagged O/R names": (parse_tagged, (lambda n: "CN=a/" * n, lambda n: "=" * n)),
    "folding": (
        fold,
        (lambda n: "e\u0301" * n, lambda n: "ß " * n, lambda n: "\u0315\u0300" * n),
    ),
    "names, PRECIS": (
        prepare_name,
        (lambda n: "ä " * n, lambda n: "ä" * n, lambda n: " " * n + "ä", lambda n: "\u0627 ä" * n),
    ),
    "names, SASLprep": (
        prepare_query,
        (lambda n: "ä " * n, lambda n: "\u00ad" * n, lambda n: "\u06271" * n),
    ),
    "passwords": (
        prepare_password,
        (lambda n: "ä " * n, lambda n: "\u00a0" * n, lambda n: "e\u0301" * n),
    ),
    "PLAIN": (saying(Plain), (lambda n: "\0" * n, lambda n: "\0" + "ä" * n + "\0p")),
    "CRAM-MD5": (
        saying(CramMd5),
        (lambda n: " " * n, lambda n: "a " * n + "0" * 32, lambda n: "0" * n),
    ),
    "SCRAM": (
        saying(ScramSha256),
        (
            lambda n: "n,,n=a,r=b" + ",x=y" * n,
            lambda n: "n,,n=" + "=2C" * n + ",r=b",
            lambda n: "n,,n=" + "=3D2C" * n + ",r=b",
            lambda n: "n,a=" + "=2C" * n + ",n=a,r=b",
            lambda n: "," * n,
            lambda n: "n,,m=x," * n,
            lambda n: "n,,n=a,r=" + "b" * n + ",",
        ),
    ),
    "OAUTHBEARER": (
        saying(OAuthBearer),
        (
            lambda n: "n,,\1" + "host=h\1" * n + "auth=Bearer t\1\1",
            lambda n: "n,,\1auth=Bearer" + " " * n + "t" * n + "=" * n + "\1\1",
            lambda n: "n,,\1" + "auth=Bearer t\1" * n + "\1",
            lambda n: "\1" * n,
            lambda n: "n,a=" + "=2C" * n + ",\1auth=Bearer t\1\1",
        ),
    ),
    "XOAUTH2": (
        saying(XOAuth2),
        (lambda n: "user=a\1" * n + "auth=Bearer t\1\1", lambda n: "\1" * n),
    ),
    "stored hashes": (
        read_hash,
        (
            lambda n: "$" * n,
            lambda n: "{A}" * n,
            lambda n: "{" * n,
            lambda n: "$argon2id$v=19$" + "m=8," * n + "$a$b",
            lambda n: "$5$rounds=" + "9" * n + "$a$b",
            lambda n: "{SSHA}" + "A" * 4 * n,
            lambda n: "$pbkdf2-sha512$" + "1" * n + "$a$b",
            lambda n: "$scrypt$" + "ln=1," * n + "$a$b",
        ),
    ),
    "senders": (
        read_sender,
        (
            lambda n: "a." * n + "@b",
            lambda n: "(" * n + "@b",
            lambda n: '""' * n + "@b",
            lambda n: "a@" + "b." * n,
            lambda n: "@a," * n + ":a@b",
            lambda n: "a@[" + "1." * n + "]",
        ),
    ),
    "recipients": (read_recipient, (lambda n: "a%" * n + "@b", lambda n: '"\\a' * n + '"@b')),
    "addresses of a header": (
        read_addresses,
        (
            lambda n: "a@b, " * n,
            lambda n: "(" * n,
            lambda n: "()" * n + "a@b",
            lambda n: "g:" * n,
            lambda n: '"' + "\\a" * n + '"',
            lambda n: "=?utf-8?q?a?= " * n,
            lambda n: "a.a." * n + "@b",
            lambda n: "<" * n,
        ),
    ),
    "patterns of mailboxes": (
        read_mailbox_pattern,
        (lambda n: "*" * n + "@b", lambda n: "a*" * n + "@*.b", lambda n: "a@" + "*." * n),
    ),
    "patterns of hosts": (
        read_host_pattern,
        (lambda n: "*." * n, lambda n: "." * n, lambda n: "1." * n, lambda n: "a-" * n + ".b"),
    ),
    "wildcards": (matcher, (lambda n: "*a" * n, lambda n: "?" * n, lambda n: "*" * n)),
    "patterns of names": (
        lambda text: patterns([text])(["a" * len(text)]),
        (lambda n: "*a" * n, lambda n: "?*" * n, lambda n: "[a]" * n),
    ),
    "lists of networks": (
        lambda text: networks(text.split(","))("192.0.2.7"),
        (
            lambda n: ",".join(f"10.{each // 250}.{each % 250}.0/24" for each in range(n)),
            lambda n: ",".join(f"10.0.0.{each % 250}" for each in range(n)),
        ),
    ),
    "networks": (read_network, (lambda n: "1." * n, lambda n: ":" * n, lambda n: "1/" * n)),
    "sources": (source_of, (lambda n: "1." * n, lambda n: "fe80::%" + "a" * n)),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_work_grows_no_faster_than_what_is_read(kind: str) -> None:
    read, shapes = SHAPES[kind]
    for number, shape in enumerate(shapes):
        with suppress(ValueError, UalauthError):
            # Modules are loaded and tables made at the first call; this length is not measured.
            read(shape(LENGTH // 2))
        once = steps(lambda shape=shape: read(shape(LENGTH)))  # type: ignore[misc]
        more = steps(lambda shape=shape: read(shape(4 * LENGTH)))  # type: ignore[misc]
        assert more <= 4.4 * once + 100, (number, once, more)


def test_patterns_that_cost_the_square_of_their_length_are_bounded() -> None:
    for shape in ("[", "[a-", "[!"):
        patterns([shape * (MAX_NAME_BYTES // len(shape))])
        assert steps(lambda shape=shape: patterns([shape * 10 * MAX_NAME_BYTES])) < 100  # type: ignore[misc]
        with pytest.raises(ValueError, match="more than 1024"):
            patterns([shape * (MAX_NAME_BYTES + 1)])


def test_the_measure_finds_work_that_grows_with_the_square() -> None:
    def quadratic(text: str) -> None:
        for end in range(len(text)):
            for _ in text[:end]:
                pass

    assert steps(lambda: quadratic("a" * 400)) > 10 * steps(lambda: quadratic("a" * 100))
