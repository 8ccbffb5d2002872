"""Every character and every byte in a name is a part of the name, and nothing else."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.conftest import Way
from ualauth import AuthenticationError, AuthenticationFailed
from ualauth.testing.folder import ConfigFolder

EVERY_BYTE = [chr(number) for number in range(256)]
# Of templates, of queries, of paths, of terminals; what is no character, and what looks like one.
MORE = [
    *("%s", "%(user)s", "%u", "%n", "%%", "{0}", "{user}", "${HOME}", "$(id)", "`id`", "\\2a"),
    *("' OR '1'='1", "'; DROP TABLE users; --", '" OR 1=1 --', "_", "%25", "*)(uid=*", "\\13"),
    *("../", "/../etc/passwd", "..\\", "~root", "file:///", "\0/", "\r\nBcc: x", "\x1b[2J"),
    *("\ud800", "\udcff", "\ufeff", "\u200b", "\u202e", "\u2028", "\U0010ffff", "\uff0a"),
]
LONG = "x" * 1_000_000
BYTES = [bytes([number]) for number in range(256)] + [
    b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff\xfe", b"\xe2\x80", b"x" * 1_000_000,
]  # fmt: skip


@pytest.fixture
def auth(way: Way, mail: ConfigFolder) -> Any:
    mail.settings(
        "[stack]\nfail_delay = false\n[lockout]\nfailures = 0\n[password]\nargon2_passes = 1\n"
        "argon2_lanes = 1\nargon2_memory = 8\n"
        '[sasl]\nmechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"]\n'
    )
    return way.authenticator(mail.config())


def names(part: Any) -> tuple[Any, ...]:
    """Return names of which each has this in it, as text or as bytes."""
    if isinstance(part, str):
        return (part, f"jsmith{part}", f"{part}jsmith", f"js{part}mith")
    return (part, b"jsmith" + part, part + b"jsmith", b"js" + part + b"mith")


def is_the_users(name: str) -> bool:
    """Tell whether a name is jsmith's: case, blanks and the escapes of an O/R name do not count."""
    return name.replace("\\", "").strip().casefold() == "jsmith"


def test_a_character_in_a_typed_name_is_no_more_than_that(way: Way, auth: Any) -> None:
    for part in (*EVERY_BYTE, *MORE, LONG):
        for name in names(part):
            try:
                identity = way.run(auth.authenticate("mail", name, "s3cret"))
            except AuthenticationFailed:
                assert name != "jsmith"
            else:
                assert is_the_users(name), ascii(name)
                assert identity.authid == "jsmith"
    assert way.run(auth.authenticate("mail", "jsmith", "s3cret")).authid == "jsmith"


def responses(mechanism: str, name: bytes) -> list[bytes]:
    """Return what a client of this name sends; where a secret is due, one that is wrong."""
    escaped = name.replace(b"=", b"=3D").replace(b",", b"=2C")
    match mechanism:
        case "PLAIN":
            return [b"\0" + name + b"\0s3cret"]
        case "acting":
            return [name + b"\0jsmith\0s3cret"]
        case "LOGIN":
            return [b"", name, b"s3cret"]
        case "CRAM-MD5":
            return [b"", name + b" " + b"0" * 32]
        case "SCRAM-SHA-256":
            credential = b64encode(bytes(32))
            return [b"n,,n=" + escaped + b",r=abc", b"c=biws,r=abc,p=" + credential]
        case _:
            return [b"n,,n=" + name + b",r=abc", b"n,a=" + name + b",n=jsmith,r=abc"]


@pytest.mark.parametrize(
    "mechanism", ["PLAIN", "acting", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "unescaped"]
)
def test_a_byte_in_a_name_on_the_wire_is_no_more_than_that(
    way: Way, auth: Any, mechanism: str
) -> None:
    wire = {"acting": "PLAIN", "unescaped": "SCRAM-SHA-256"}.get(mechanism, mechanism)
    for part in BYTES:
        for name in names(part):
            exchange = auth.sasl("mail", wire, tls=True)
            try:
                for response in responses(mechanism, name):
                    way.run(exchange.step(response or None))
            except AuthenticationError:
                pass
            finally:
                if exchange.done:
                    assert is_the_users(name.decode()), name
                    assert exchange.identity.authid == "jsmith"
                else:
                    exchange.close()
    exchange = auth.sasl("mail", "PLAIN", tls=True)
    way.run(exchange.step(b"\0jsmith\0s3cret"))
    assert exchange.identity.authid == "jsmith"
