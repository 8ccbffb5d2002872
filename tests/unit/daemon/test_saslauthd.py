"""The state machine of saslauthd's socket."""

from __future__ import annotations

import pytest

from tests.unit.daemon.driven import Driven, granted
from ualauth.codes import ReturnCode
from ualauth.daemon.requests import Failed, Login
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    ConfigurationError,
    PasswordExpired,
    TemporaryFailure,
)


def counted(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(2, "big") + field for field in fields)


JANE = counted(b"jane", b"secret", b"smtp", b"")


def test_a_login() -> None:
    client = Driven("saslauthd")
    assert client.send(JANE) == b""
    assert client.last == Login("smtpd.auth", "jane", "secret", {})
    assert client.answer(granted("jane")) == counted(b"OK")
    assert client.closes


@pytest.mark.parametrize("cut", range(1, len(JANE)))
def test_a_request_comes_in_pieces(cut: int) -> None:
    client = Driven("saslauthd")
    assert client.send(JANE[:cut]) == b""
    assert not client.requests
    client.send(JANE[cut:])
    assert client.last.password == "secret"
    client = Driven("saslauthd")
    client.send(JANE[:cut])
    assert client.end() == b""
    assert client.closes
    assert not client.requests


@pytest.mark.parametrize(
    ("login", "realm", "user"),
    [
        (b"jane", b"", "jane"),
        (b"jane", b"example.com", "jane@example.com"),
        (b"jane@example.com", b"", "jane@example.com"),
        (b"jane@example.com", b"other.example", "jane@example.com"),
    ],
)
def test_the_realm_is_part_of_the_name(login: bytes, realm: bytes, user: str) -> None:
    client = Driven("saslauthd", service="imap")
    client.send(counted(login, b"secret", b"smtp", realm))
    assert client.last == Login("imap", user, "secret", {})


def test_the_address_of_a_client_is_taken_if_it_comes_at_once() -> None:
    client = Driven("saslauthd")
    client.send(counted(b"jane", b"secret", b"imap", b"", b"192.0.2.7"))
    assert client.last.peer == {"rhost": "192.0.2.7"}
    client = Driven("saslauthd")
    client.send(JANE)
    assert client.send(counted(b"192.0.2.7")) == b""
    assert len(client.requests) == 1


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AuthenticationFailed(ReturnCode.AUTH_ERR), b"NO authentication failed"),
        (AccountRestricted(ReturnCode.ACCT_EXPIRED), b"NO authentication failed"),
        (PasswordExpired(ReturnCode.NEW_AUTHTOK_REQD), b"NO authentication failed"),
        (
            TemporaryFailure(ReturnCode.AUTHINFO_UNAVAIL),
            b"NO temporary authentication failure",
        ),
        (ConfigurationError("x"), b"NO temporary authentication failure"),
        (ValueError("secret"), b"NO temporary authentication failure"),
    ],
)
def test_a_refusal(error: Exception, text: bytes) -> None:
    client = Driven("saslauthd")
    client.send(JANE)
    assert client.answer(Failed(error)) == counted(text)
    assert client.closes


@pytest.mark.parametrize(
    "data",
    [
        counted(b"x" * 9000, b"secret", b"smtp", b""),
        counted(b"jane", b"x" * 65535, b"smtp", b""),
        counted(b"jane", b"\xff", b"smtp", b""),
        b"\xff\xff" + b"x" * 8200,
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    client = Driven("saslauthd")
    assert client.send(data)[2:4] == b"NO"
    assert client.closes
    assert not client.requests


def test_a_long_password_is_taken() -> None:
    client = Driven("saslauthd")
    client.send(counted(b"jane", b"x" * 8000, b"smtp", b""))
    assert client.last.password == "x" * 8000


def test_a_stop_answers_what_is_asked() -> None:
    client = Driven("saslauthd")
    assert client.stop() == b""
    for size in (3, len(JANE)):
        client = Driven("saslauthd")
        client.send(JANE[:size])
        assert client.stop() == counted(b"NO temporary authentication failure")
        assert client.answer(granted("jane"), None) == b""


def test_passwords_are_in_no_repr() -> None:
    client = Driven("saslauthd")
    client.send(JANE)
    assert "secret" not in repr(client.requests)
