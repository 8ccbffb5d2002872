"""Requests that browsers do not send, a lost USERLIST, and what tools for errors see."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from tests.unit.adapters.heard import hearing_locals, held_by
from tests.unit.adapters.web.conftest import PASSWORD, Get, basic
from tests.unit.adapters.web.sites import SERVICE, Sites, new_asgi, new_fastapi, new_starlette
from tests.unit.adapters.web.wsgi_sites import new_flask, new_wsgi
from ualauth import AsyncAuthenticator, Authenticator
from ualauth.adapters import fastapi
from ualauth.adapters import flask as adapter_of_flask
from ualauth.adapters.asgi import LoginMiddleware
from ualauth.adapters.starlette import Backend
from ualauth.runtime import login as login_of_runtime

RIGHT = basic("jsmith")
TOKEN_SENT_AS_PASSWORD = "Basic eyJhbGciOiJub25lIn0.e30."


class Answer:
    """What an application answered."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def all_of(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for each, value in self.headers if each.lower() == name]


Ask = Callable[..., Answer]


@pytest.fixture(params=["asgi", "starlette", "fastapi", "wsgi", "flask"])
def ask(request: pytest.FixtureRequest, sites: Sites) -> Iterator[Ask]:
    """Return how to call each kind of application, as servers do that take what comes."""
    if request.param in {"wsgi", "flask"}:
        new: Any = {"wsgi": new_wsgi, "flask": new_flask}[request.param]
        with Authenticator(sites.folder) as blocking:
            yield lambda *values, **more: call_wsgi(new(blocking, SERVICE), *values, **more)
        return
    new = {"asgi": new_asgi, "starlette": new_starlette, "fastapi": new_fastapi}[request.param]
    with asyncio.Runner() as runner:
        awaited = AsyncAuthenticator(sites.folder)
        yield lambda *values, **more: runner.run(call_asgi(new(awaited, SERVICE), *values, **more))
        runner.run(awaited.close())


def call_wsgi(
    application: Any, *values: str, method: str = "GET", headers: dict[str, str] | None = None
) -> Answer:
    environ = flask.Flask("x").test_request_context("/whoami", base_url="https://x").request.environ
    environ |= {"REQUEST_METHOD": method, "REMOTE_ADDR": "192.0.2.7"}
    environ |= {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in (headers or {}).items()}
    if values:
        environ["HTTP_AUTHORIZATION"] = ",".join(values)
    said: list[Any] = []
    body = b"".join(application(environ, lambda *each: said.append(each)))
    ((status, answered),) = said
    return Answer(int(status.split()[0]), answered, body)


async def call_asgi(
    application: Any, *values: str, method: str = "GET", headers: dict[str, str] | None = None
) -> Answer:
    all_headers = [("Authorization", each) for each in values] + [*(headers or {}).items()]
    scope = {
        "type": "http",
        "method": method,
        "path": "/whoami",
        "scheme": "https",
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in all_headers],
        "query_string": b"",
        "client": ("192.0.2.7", 1),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    answered = [(k.decode(), v.decode()) for k, v in sent[0]["headers"]]
    return Answer(sent[0]["status"], answered, b"".join(each.get("body", b"") for each in sent[1:]))


def value_of(data: bytes) -> str:
    return f"Basic {b64encode(data).decode()}"


ODD = [
    ("",),
    (" ",),
    ("\t",),
    ("Basic ",),
    ("Basic  ",),
    ("Basic =",),
    ("Basic ====",),
    (RIGHT.replace("Basic ", "Basic \t"),),
    (RIGHT.replace("Basic ", "Basic\u00a0"),),
    (RIGHT.replace("Basic ", "Basic\v"),),
    (RIGHT + "\0",),
    (RIGHT + "\r",),
    (RIGHT + "\nX: y",),
    ("\0" + RIGHT,),
    (RIGHT + "=",),
    (f"{RIGHT},",),
    (f",{RIGHT}",),
    (f'{RIGHT} realm="mail"',),
    (RIGHT, RIGHT),
    (RIGHT, ""),
    ("", RIGHT),
    (RIGHT, "Bearer x"),
    ("Bearer x", RIGHT),
    (f"Basic {RIGHT}",),
    (f"Bearer {RIGHT}",),
    (RIGHT.replace("Basic", "Bearer"),),
    (RIGHT.replace("Basic", "B\u00e4sic"),),
    (TOKEN_SENT_AS_PASSWORD,),
    (value_of(b"jsmith"),),
    (value_of(b":"),),
    (value_of(f":{PASSWORD}".encode()),),
    (value_of(f"jsmith:{PASSWORD}\0".encode()),),
    (value_of(f"\0jsmith:{PASSWORD}".encode()),),
    (value_of(f"jsmith\0{PASSWORD}".encode()),),
    (value_of(f"jsmith\r\n:{PASSWORD}".encode()),),
    (value_of(f"jsmith:{PASSWORD}".encode("utf-16")),),
    (value_of(f"jsmith:{PASSWORD}".encode("utf-8-sig")),),
    (value_of(b"\xff\xfe:\xff"),),
    (value_of(b"\xed\xa0\x80:x"),),
    (value_of(b"jsmith:" + b"x" * 100_000),),
    (value_of(b"j" * 100_000 + b":x"),),
    ("Basic " + "A" * 100_000,),
    ("Bearer " + "A" * 100_000,),
    ("A" * 100_000,),
    ("Basic " * 20_000,),
    ("Bearer a.b.c",),
    ("Bearer ...",),
    ("Digest username=jsmith",),
]


def test_no_odd_header_lets_a_user_in(ask: Ask) -> None:
    for values in ODD:
        answer = ask(*values)
        assert answer.status == 401, values
        challenges = answer.all_of("www-authenticate")
        assert [each.split()[0] for each in challenges] == ["Basic", "Bearer"], values
        assert answer.all_of("cache-control") == ["no-store"]
        assert PASSWORD.encode() not in answer.body
    assert ask(RIGHT).body == b"jsmith"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "TRACE", "GET"])
def test_every_method_asks(sites: Sites, method: str) -> None:
    """The middlewares judge a request before the application sees its method."""
    with Authenticator(sites.folder) as blocking:
        answer = call_wsgi(new_wsgi(blocking, SERVICE), method=method)
        assert (answer.status, answer.body) == (401, bodies(method))

    async def asked() -> Answer:
        async with AsyncAuthenticator(sites.folder) as awaited:
            return await call_asgi(new_asgi(awaited, SERVICE), method=method)

    answer = asyncio.run(asked())
    assert (answer.status, answer.body) == (401, bodies(method))
    assert answer.all_of("content-length") == [str(len(bodies("GET")))]


def bodies(method: str) -> bytes:
    return b"" if method == "HEAD" else b"Authentication required\n"


def test_headers_of_proxies_are_not_trusted(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    """What the client could have written itself makes no connection one under TLS, either."""
    headers = {
        "X-Forwarded-For": "192.0.2.66",
        "X-Real-IP": "192.0.2.66",
        "Forwarded": "for=192.0.2.66;proto=https",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-User": "boss",
        "Remote-User": "boss",
        "Proxy-Authorization": basic("boss"),
        "X-Authorization": basic("boss"),
    }
    with caplog.at_level("INFO", "ualauth.audit"):
        assert ask(RIGHT, headers=headers).body == b"jsmith"
        assert ask(headers=headers).status == 401
    assert "rhost=192.0.2.7" in caplog.text
    assert "192.0.2.66" not in caplog.text


def test_a_lost_userlist_is_told_from_a_wrong_password(kind: str, get: Get, web_etc: Path) -> None:
    assert get(kind, RIGHT).status_code == 200
    path = web_etc / "userlist.db"
    away = path.rename(path.with_name("away"))
    try:
        for name in ("jsmith", "boss", "unknown"):
            answer = get(kind, basic(name))
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "30")
            assert answer.headers["cache-control"] == "no-store"
            assert "www-authenticate" not in answer.headers
            for detail in ("sqlite", "userlist", str(web_etc), PASSWORD):
                assert detail not in answer.text.casefold()
    finally:
        away.rename(path)
    assert get(kind, RIGHT).status_code == 200


def test_a_bug_is_logged_without_what_calls_hold(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(handle: object, *, anonymous: bool = False) -> None:
        raise AssertionError(handle is None, anonymous)

    monkeypatch.setattr(login_of_runtime, "identity_of", broken)
    with hearing_locals() as shown:
        answer = ask(RIGHT)
    assert (answer.status, answer.all_of("retry-after")) == (503, ["30"])
    assert shown.tracebacks
    for secret in (PASSWORD, RIGHT, RIGHT.removeprefix("Basic ")):
        assert secret not in shown.text


@pytest.mark.parametrize("name", ["jsmith", "locked", "outage"])
def test_what_is_raised_for_a_framework_holds_no_password(sites: Sites, name: str) -> None:
    """Debuggers and tools for errors show what the calls of an exception hold."""
    password = "Xyzzy" if name == "jsmith" else PASSWORD
    sent = basic(name, password)

    async def raised() -> list[str]:
        async with AsyncAuthenticator(sites.folder) as awaited:
            scope = {
                "type": "http",
                "scheme": "https",
                "headers": [(b"authorization", sent.encode())],
            }
            from starlette.requests import Request

            texts = []
            for call in (fastapi.Login(awaited, SERVICE), Backend(awaited, SERVICE).authenticate):
                with pytest.raises(Exception) as caught:  # noqa: PT011 - each has its own
                    await call(Request(scope))
                texts.append(held_by(caught.value))
            return texts

    texts = asyncio.run(raised())
    with Authenticator(sites.folder) as blocking:
        application = flask.Flask("site")
        with (
            application.test_request_context(
                "/", base_url="https://x", headers={"Authorization": sent}
            ),
            pytest.raises(Exception) as caught,  # noqa: PT011 - of Werkzeug
        ):
            adapter_of_flask.Login(blocking, SERVICE).check()
        texts.append(held_by(caught.value))
    for text in texts:
        for secret in (password, sent.removeprefix("Basic ")):
            assert secret not in text


def test_a_websocket_is_told_why_where_the_server_can(sites: Sites) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(scope, receive, send)

    async def answer(value: str, extensions: dict[str, Any] | None) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async with AsyncAuthenticator(sites.folder) as awaited:
            guarded = LoginMiddleware(application, awaited, SERVICE)
            scope: dict[str, Any] = {
                "type": "websocket",
                "scheme": "wss",
                "headers": [(b"authorization", value.encode())],
                "extensions": extensions,
            }
            await guarded(scope, None, send)  # type: ignore[arg-type]
        return sent

    for value, status in (
        (basic("jsmith", "x"), 401),
        (basic("locked"), 403),
        (basic("outage"), 503),
    ):
        (closed,) = asyncio.run(answer(value, None))
        assert closed["type"] == "websocket.close"
        start, body = asyncio.run(answer(value, {"websocket.http.response": {}}))
        assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
        assert (b"retry-after" in dict(start["headers"])) == (status == 503)
        assert body["type"] == "websocket.http.response.body"
        assert body["body"]
