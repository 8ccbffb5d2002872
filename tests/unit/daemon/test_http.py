"""The state machines on HTTP: what nginx, Caddy and Traefik ask, and what they are told."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest

from tests.unit.daemon.driven import Driven, granted
from ualauth.adapters.http_replies import HttpRefusal, HttpReply
from ualauth.codes import ReturnCode
from ualauth.config.listen import ListenSettings
from ualauth.daemon.protocols.registry import settings_of
from ualauth.daemon.requests import Begin, Failed, HttpLogin, Offered
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    ConfigurationError,
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
)

BACKENDS = {"imap": "127.0.0.1:143", "pop3": "[::1]:110", "smtp": "192.0.2.7:25"}
OUTAGE = TemporaryFailure(ReturnCode.AUTHINFO_UNAVAIL)


def auth_http(secret: bytes = b"", **own: Any) -> Driven:
    return Driven("auth-http", secret, own={"backends": BACKENDS, **own})


def get(*headers: str, version: str = "1.0") -> bytes:
    lines = [f"GET /auth HTTP/{version}", "Host: localhost", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def asks(user: str = "jane", password: str = "secret", protocol: str = "imap", *more: str) -> bytes:
    """Return what nginx 1.22 sends."""
    return get(
        "Auth-Method: plain",
        f"Auth-User: {quote(user)}",
        f"Auth-Pass: {quote(password)}",
        f"Auth-Protocol: {protocol}",
        "Auth-Login-Attempt: 1",
        "Client-IP: 192.0.2.7",
        *more,
    )


def headers_of(response: bytes) -> dict[str, str]:
    head, _, _ = response.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return {"": lines[0], **dict(line.split(": ", 1) for line in lines[1:])}


@pytest.mark.parametrize(
    ("protocol", "service", "backend"),
    [
        ("imap", "imap", ("127.0.0.1", "143")),
        ("pop3", "pop3", ("::1", "110")),
        ("smtp", "smtpd.auth", ("192.0.2.7", "25")),
    ],
)
def test_a_login_of_nginx(protocol: str, service: str, backend: tuple[str, str]) -> None:
    client = auth_http()
    assert client.send(asks("jäne", "p%+ ä", protocol, "Auth-SSL: on")) == b""
    connection: Any = {"rhost": "192.0.2.7", "tls": True}
    assert client.last == Begin(service, "PLAIN", "\0jäne\0p%+ ä".encode(), connection)
    said = client.answer(granted("jane"))
    headers = headers_of(said)
    assert headers[""].startswith("HTTP/1.1 200")
    assert headers["Auth-Status"] == "OK"
    assert (headers["Auth-Server"], headers["Auth-Port"]) == backend
    assert headers["Auth-User"] == "jane"
    assert client.closes
    assert len(said) < 1024


def test_without_tls_the_library_is_told_so() -> None:
    client = auth_http()
    client.send(asks())
    assert client.last.connection["tls"] is False


@pytest.mark.parametrize(
    ("error", "imap", "pop3", "smtp"),
    [
        (
            AuthenticationFailed(ReturnCode.AUTH_ERR),
            "[AUTHENTICATIONFAILED] Authentication failed",
            "[AUTH] Authentication failed",
            "535 5.7.8",
        ),
        (
            AccountRestricted(ReturnCode.ACCT_EXPIRED),
            "[CONTACTADMIN] This account may not be used",
            "[AUTH] This account may not be used",
            "535 5.7.13",
        ),
        (
            PasswordExpired(ReturnCode.NEW_AUTHTOK_REQD),
            "[EXPIRED] The password has expired",
            "[AUTH] The password has expired",
            "432 4.7.12",
        ),
        (
            MechanismUnavailable("PLAIN", needs_tls=True),
            "[PRIVACYREQUIRED] Only under TLS",
            "[AUTH] Only under TLS",
            "538 5.7.11",
        ),
        *(
            (
                error,
                "[UNAVAILABLE] Temporary authentication failure",
                pop3,
                "454 4.7.0",
            )
            # As the POP3 servers say it: an administrator has to mend a configuration.
            for error, pop3 in (
                (OUTAGE, "[SYS/TEMP] Temporary authentication failure"),
                (ConfigurationError("x"), "[SYS/PERM] Authentication is not possible here"),
                (ValueError("secret"), "[SYS/TEMP] Temporary authentication failure"),
            )
        ),
    ],
)
def test_refusals_to_nginx(error: Exception, imap: str, pop3: str, smtp: str) -> None:
    for protocol, status in (("imap", imap), ("pop3", pop3)):
        client = auth_http()
        client.send(asks(protocol=protocol))
        headers = headers_of(client.answer(Failed(error)))
        assert headers["Auth-Status"] == status
        assert headers["Auth-Wait"] == "3"
        assert "Auth-Server" not in headers
        assert headers[""].startswith("HTTP/1.1 200")
    client = auth_http(wait=0)
    client.send(asks(protocol="smtp"))
    headers = headers_of(client.answer(Failed(error)))
    assert headers["Auth-Error-Code"] == smtp
    assert headers["Auth-Status"] != "OK"
    assert "Auth-Wait" not in headers


@pytest.mark.parametrize("method", ["cram-md5", "apop", "external", "none", ""])
def test_what_nginx_has_checked_itself_is_refused(method: str) -> None:
    client = auth_http()
    said = client.send(asks().replace(b"Auth-Method: plain", f"Auth-Method: {method}".encode()))
    assert headers_of(said)["Auth-Status"] == "Unsupported authentication mechanism"
    assert not client.requests


@pytest.mark.parametrize(
    "request_",
    [
        asks(protocol="ftp"),
        asks("jane", "secret", "imap", "Auth-User: mallory"),
        asks("jane", "secret", "imap", "Client-IP: 192.0.2.8"),
        asks("jane", "secret", "imap", "Auth-SSL: on", "Auth-SSL: off"),
        get(),
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
    ],
)
def test_what_cannot_be_read_is_refused(request_: bytes) -> None:
    client = auth_http()
    said = client.send(request_)
    assert said.startswith(b"HTTP/1.1 400"), said
    assert b"Auth-Status" not in said
    assert client.closes
    assert not client.requests


def test_a_request_that_is_too_large_is_refused() -> None:
    client = auth_http()
    said = client.send(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000)
    assert said.startswith(b"HTTP/1.1 4")
    assert client.closes
    client = auth_http()
    body = b"x" * 70_000
    said = client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + body)
    assert said.startswith(b"HTTP/1.1 413")
    assert client.closes


def test_the_secret_is_needed() -> None:
    for given in ([], ["X-Auth-Key: wrong"], ["X-Auth-Key: "], ["X-Auth-Key: key"] * 2):
        client = auth_http(b"key")
        said = client.send(asks("jane", "secret", "imap", *given))
        assert said.startswith(b"HTTP/1.1 403")
        assert not client.requests
    client = auth_http(b"key")
    client.send(asks("jane", "secret", "imap", "X-Auth-Key: key"))
    assert isinstance(client.last, Begin)


@pytest.mark.parametrize("name", ["auth-http", "forward-auth"])
def test_an_address_needs_a_secret(name: str) -> None:
    own = {"backends": BACKENDS} if name == "auth-http" else {}
    listen = ListenSettings(protocol=name, address="127.0.0.1:0", own=own)
    with pytest.raises(ConfigurationError, match="secret_file is needed: every user of the host"):
        settings_of(listen)
    settings_of(ListenSettings(protocol=name, path="/x", own=own))


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({}, "backends must be there"),
        ({"backends": {}}, "backends must be there"),
        ({"backends": {"ftp": "127.0.0.1:1"}}, "backends has 'ftp'"),
        ({"backends": {"imap": "localhost:1"}}, "backends imap must be an IP address and a port"),
        ({"backends": {"imap": "127.0.0.1:0"}}, "backends imap must be an IP address and a port"),
        ({"backends": "127.0.0.1:1"}, "backends must be a table of strings"),
        ({"backends": BACKENDS, "wait": 61}, "wait must be from 0 to 60"),
    ],
)
def test_settings_of_auth_http(own: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        settings_of(ListenSettings(protocol="auth-http", path="/x", own=own))


def test_the_realm_is_one_that_can_be_written() -> None:
    with pytest.raises(ConfigurationError, match="realm must be printable ASCII"):
        settings_of(ListenSettings(protocol="forward-auth", path="/x", own={"realm": 'a"b'}))


def test_a_user_whose_name_no_header_can_have_is_answered_not_now() -> None:
    for user in ("a\r\nAuth-Status: OK", "a\0b", " a"):
        client = auth_http()
        client.send(asks())
        headers = headers_of(client.answer(granted(user)))
        assert headers["Auth-Status"].startswith("[UNAVAILABLE]")
        assert client.closes
        client = Driven("forward-auth")
        client.send(get())
        assert client.answer(granted(user)).startswith(b"HTTP/1.1 503")


BASIC = "Authorization: Basic " + b64encode(b"jane:secret").decode()


def test_a_request_of_a_web_server() -> None:
    client = Driven("forward-auth", own={"realm": "web"})
    client.send(get(BASIC, "X-Forwarded-For: 10.0.0.1, 192.0.2.7", "X-Forwarded-Proto: https"))
    value = BASIC.partition(": ")[2]
    assert client.last == HttpLogin("ual.remote", "web", (value,), "192.0.2.7", tls=True)
    assert "secret" not in repr(client.last)
    assert value not in repr(client.last)
    said = client.answer(granted("jane"))
    assert said.startswith(b"HTTP/1.1 200")
    assert headers_of(said)["Remote-User"] == "jane"


def test_a_refusal_of_a_web_server_is_that_of_the_library() -> None:
    reply = HttpReply(401, "Authentication failed", (("WWW-Authenticate", 'Basic realm="x"'),))
    client = Driven("forward-auth", service="web")
    client.send(get())
    assert client.last == HttpLogin("web", "mail", ())
    said = client.answer(Failed(HttpRefusal(reply)))
    assert said.startswith(b"HTTP/1.1 401")
    assert headers_of(said)["WWW-Authenticate"] == 'Basic realm="x"'
    assert b"Remote-User" not in said
    for answer in (Failed(ValueError("secret")), Failed(OUTAGE), Offered(())):
        client = Driven("forward-auth")
        client.send(get())
        assert client.answer(answer).startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize("headers", [["X-Forwarded-For: a"], ["X-Forwarded-Proto: https"] * 2])
def test_what_a_web_server_does_not_say_so_is_refused(headers: list[str]) -> None:
    client = Driven("forward-auth")
    assert client.send(get(*headers)).startswith(b"HTTP/1.1 400")
    assert not client.requests


def test_a_connection_serves_one_request_after_the_other() -> None:
    client = Driven("forward-auth")
    client.send(get(BASIC, version="1.1") * 2)
    assert len(client.requests) == 1
    assert client.protocol.is_busy
    for number in (1, 2):
        assert client.requests[-1][0] == number
        assert client.answer(granted("jane")).startswith(b"HTTP/1.1 200")
    assert (client.closes, client.protocol.is_busy) == (False, False)
    assert (client.end(), client.closes) == (b"", True)


def test_the_body_of_a_response_to_head_is_left_out() -> None:
    client = Driven("forward-auth")
    client.send(get(version="1.1").replace(b"GET", b"HEAD"))
    said = client.answer(Failed(HttpRefusal(HttpReply(401, "no"))))
    assert said.endswith(b"\r\n\r\n")
    assert headers_of(said)["Content-Length"] == "3"


def test_a_stop_answers_what_is_asked() -> None:
    client = auth_http()
    client.send(asks())
    assert b"Auth-Status: [UNAVAILABLE]" in client.stop()
    client = Driven("forward-auth")
    client.send(get())
    assert client.stop().startswith(b"HTTP/1.1 503")
    assert auth_http().stop() == b""
