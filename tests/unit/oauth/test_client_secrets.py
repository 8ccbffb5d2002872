"""How a client shows who it is to an issuer that is asked, and what that one says if it fails."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest

from tests.unit.oauth.issuer import Quiet
from ualauth.oauth.fetching import Unavailable, error_in
from ualauth.oauth.introspection import ClientAuth, Introspection

# RFC 6749, appendix B; and what could be mistaken for a separator.
CLIENTS = {
    "urn:mail": "a b%41",
    "mail": "s3cret",
    "a:b:c": ":::",
    "client+1": "50% & more = +",
    "Ünïcödé": "pässwörd 漢字",
    "-._~": "!*'();:@&=+$,/?#[]",
}


class Asked:
    """What an issuer was asked, and what it answers."""

    def __init__(self) -> None:
        self.header = ""
        self.form: dict[str, list[str]] = {}
        self.status = 200
        self.body = b'{"active": false}'


@contextmanager
def endpoint() -> Iterator[tuple[str, Asked]]:
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.header = self.headers.get("Authorization", "")
            asked.form = parse_qs(body.decode(), keep_blank_values=True)
            self.send_response(asked.status)
            self.send_header("Content-Length", str(len(asked.body)))
            self.end_headers()
            self.wfile.write(asked.body)

        def log_message(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/introspect", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(url: str, file: Path, client: str, secret: str, how: ClientAuth) -> dict[str, Any]:
    file.write_text(secret)
    file.chmod(0o600)
    return Introspection(url, 10.0, client=(client, str(file)), client_auth=how).ask("t0ken")


@pytest.mark.parametrize(("client", "secret"), CLIENTS.items(), ids=range(len(CLIENTS)))
def test_both_are_form_encoded_in_the_header(tmp_path: Path, client: str, secret: str) -> None:
    with endpoint() as (url, asked):
        assert ask(url, tmp_path / "secret", client, secret, ClientAuth.BASIC) == {"active": False}
    kind, _, value = asked.header.partition(" ")
    assert kind == "Basic"
    name, _, password = b64decode(value).decode("ascii").partition(":")
    assert (unquote_plus(name), unquote_plus(password)) == (client, secret)
    assert set(asked.form) == {"token", "token_type_hint"}


@pytest.mark.parametrize(("client", "secret"), CLIENTS.items(), ids=range(len(CLIENTS)))
def test_or_they_stand_in_the_form(tmp_path: Path, client: str, secret: str) -> None:
    with endpoint() as (url, asked):
        ask(url, tmp_path / "secret", client, secret, ClientAuth.POST)
    assert asked.header == ""
    assert asked.form["client_id"] == [client]
    assert asked.form["client_secret"] == [secret]
    assert asked.form["token"] == ["t0ken"]


def test_the_error_of_the_issuer_is_told(tmp_path: Path) -> None:
    with endpoint() as (url, asked):
        asked.status = 401
        asked.body = json.dumps(
            {"error": "invalid_client", "error_description": "client authentication failed"}
        ).encode()
        with pytest.raises(Unavailable) as caught:
            ask(url, tmp_path / "secret", "mail", "s3cret", ClientAuth.BASIC)
    assert str(caught.value) == (
        f"{url} answers 401: invalid_client (client authentication failed)"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": "invalid_request"}', ": invalid_request"),
        (b'{"error_description": "only this"}', ": only this"),
        (b'{"error": "no\\nlines\\u001b[31m"}', r": no\nlines\u001b[31m"),
        (b'{"error": "' + b"x" * 5000 + b'"}', None),
        (b"<html>", ""),
        (b"", ""),
        (b"[]", ""),
        (b'{"error": {"code": 5}}', ""),
        (b'{"error": "invalid_token", "error_description": "unknown: t0ken"}', ""),
        (b'{"error": "t0ken"}', ""),
        (b"[" * 100_000, ""),
        (b"\xff\xfe", ""),
    ],
    ids=range(12),
)
def test_what_is_told_is_short_and_has_nothing_of_what_was_sent(
    body: bytes, text: str | None
) -> None:
    told = error_in(body, ["t0ken", "", "s3cret"])
    assert len(told) < 200
    assert "t0ken" not in told
    if text is not None:
        assert told == text
