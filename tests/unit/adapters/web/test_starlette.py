"""What Starlette's and FastAPI's adapters have beyond the replies."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.audit_records import audit_records
from tests.unit.adapters.web.conftest import PASSWORD, basic
from tests.unit.adapters.web.sites import SERVICE, Sites, new_asgi, new_fastapi, new_starlette
from ualauth import AsyncAuthenticator
from ualauth.adapters.asgi import LoginMiddleware
from ualauth.adapters.starlette import Backend

NewApplication = Callable[..., Any]


class Calls:
    """Calls applications as a server does, with what a server would say of the client."""

    def __init__(self, runner: asyncio.Runner, authenticator: AsyncAuthenticator) -> None:
        self._runner = runner
        self._authenticator = authenticator

    def get(
        self, new: NewApplication, authorization: str | None, *, client: Any = None, **options: Any
    ) -> httpx.Response:
        """Get `/whoami`."""
        application = new(self._authenticator, SERVICE, **options)
        values = {} if authorization is None else {"Authorization": authorization}
        headers = values | {"X-Forwarded-For": "192.0.2.66", "Forwarded": "for=192.0.2.66"}

        async def fetch() -> httpx.Response:
            transport = httpx.ASGITransport(application, client=client or ("192.0.2.7", 1))
            async with httpx.AsyncClient(transport=transport) as agent:
                return await agent.get("https://mail.example.com/whoami", headers=headers)

        return self._runner.run(fetch())

    def websocket(self, new: NewApplication, authorization: str) -> list[dict[str, Any]]:
        """Return what an application sends on a WebSocket."""
        application = new(self._authenticator, SERVICE)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/greet",
            "scheme": "wss",
            "headers": [(b"authorization", authorization.encode())],
            "query_string": b"",
            "client": None,
        }
        self._runner.run(application(scope, receive, send))
        return sent


@pytest.fixture
def calls(sites: Sites) -> Iterator[Calls]:
    """Return how to call applications."""
    with asyncio.Runner() as runner:
        authenticator = AsyncAuthenticator(sites.folder)
        yield Calls(runner, authenticator)
        runner.run(authenticator.close())


def test_a_user_has_scopes_and_a_name(calls: Calls) -> None:
    for name, scopes in (("jsmith", "authenticated"), ("boss", "authenticated administrator")):
        answer = calls.get(new_starlette, basic(name))
        assert (answer.text, answer.headers["scopes"]) == (name, scopes)
        assert answer.headers["name"]


def test_only_who_sends_nothing_may_stay_unknown(calls: Calls) -> None:
    assert calls.get(new_starlette, None, anonymous=True).text == "no user"
    assert calls.get(new_starlette, None).status_code == 401
    for value in ("", "Negotiate", basic("jsmith", "wrong"), "Bearer x"):
        assert calls.get(new_starlette, value, anonymous=True).status_code == 401
    assert calls.get(new_starlette, basic("jsmith"), anonymous=True).text == "jsmith"


def test_websockets_are_let_through_or_closed(calls: Calls) -> None:
    accepted, said, _ = calls.websocket(new_starlette, basic("jsmith"))
    assert (accepted["type"], said["text"]) == ("websocket.accept", "jsmith")
    for new in (new_starlette, new_asgi):
        for value in (basic("jsmith", "wrong"), ""):
            (closed,) = calls.websocket(new, value)
            assert closed["type"] == "websocket.close"


def test_what_is_neither_a_request_nor_the_lifespan_does_not_go_through(sites: Sites) -> None:
    went_through = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del receive, send
        went_through.append(scope["type"])

    async def call(kind: str) -> None:
        guarded = LoginMiddleware(application, AsyncAuthenticator(sites.folder))
        await guarded({"type": kind}, None, None)  # type: ignore[arg-type]

    asyncio.run(call("lifespan"))
    with pytest.raises(KeyError):
        asyncio.run(call("of-times-to-come"))
    assert went_through == ["lifespan"]


def test_openapi_names_the_schemes(sites: Sites) -> None:
    document = new_fastapi(AsyncAuthenticator(sites.folder), SERVICE).openapi()
    assert document["components"]["securitySchemes"] == {
        "basic": {"type": "http", "scheme": "basic"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    security = document["paths"]["/whoami"]["get"]["security"]
    assert sorted(security, key=str) == [{"basic": []}, {"bearer": []}]
    assert "security" not in document["paths"]["/open"]["get"]


@pytest.mark.parametrize("realm", ["", 'a"b', "a\\b", "a\r\nSet-Cookie: x=y", "é"])
def test_a_realm_that_cannot_be_written_is_told_at_once(sites: Sites, realm: str) -> None:
    with pytest.raises(ValueError, match="realm"):
        Backend(AsyncAuthenticator(sites.folder), realm=realm)


def test_the_address_is_the_servers_and_that_of_no_header(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "ualauth.audit"):
        assert calls.get(new_starlette, basic("jsmith")).text == "jsmith"
        assert calls.get(new_starlette, basic("boss"), client=("", 0)).text == "boss"
    # A UNIX socket has none.
    peers = [(each.login_name, each.rhost) for each in audit_records(caplog)]
    assert peers == [("jsmith", "192.0.2.7"), ("boss", None)]
    assert "192.0.2.66" not in caplog.text


def test_the_name_ends_at_the_first_colon(calls: Calls) -> None:
    value = f"Basic {b64encode(f'jsmith:x:{PASSWORD}'.encode()).decode()}"
    assert calls.get(new_starlette, value).status_code == 401
    assert ":" in PASSWORD
    assert calls.get(new_starlette, basic("jsmith")).is_success
