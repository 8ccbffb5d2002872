"""Web applications that ask ualauth, each in the real framework, served on loopback.

Each has the pages `/whoami`, which says who was let in, and `/broken`, of whose errors
ualauth knows nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastapi
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.looping import SECONDS
from ualauth import AsyncAuthenticator
from ualauth.adapters.asgi import LoginMiddleware
from ualauth.adapters.fastapi import TokenLogin
from ualauth.adapters.starlette import Backend, on_error
from ualauth.identity import Identity

SERVICE = "ual.remote"


@dataclass(frozen=True, slots=True)
class Sites:
    """What runs them."""

    folder: Path
    certificates: Certificates


def new_asgi(authenticator: AsyncAuthenticator, service: str) -> Any:
    """Return an application without a framework."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del receive
        if scope["type"] != "http":
            return
        body = scope["ualauth_identity"].authid.encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return LoginMiddleware(application, authenticator, service)


def new_starlette(authenticator: AsyncAuthenticator, service: str, **options: Any) -> Starlette:
    """Return an application of Starlette."""

    async def whoami(request: Request) -> PlainTextResponse:
        headers = {"scopes": " ".join(request.auth.scopes), "name": request.user.display_name}
        who = request.user.identity if request.user.is_authenticated else "no user"
        return PlainTextResponse(who, headers=headers)

    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.user.identity)
        await websocket.close()

    backend = Backend(authenticator, service, **options)
    return Starlette(
        routes=[Route("/whoami", whoami), WebSocketRoute("/greet", greet)],
        middleware=[Middleware(AuthenticationMiddleware, backend=backend, on_error=on_error)],
    )


def new_fastapi(authenticator: AsyncAuthenticator, service: str) -> fastapi.FastAPI:
    """Return an application of FastAPI."""
    application = fastapi.FastAPI()
    login = TokenLogin(authenticator, service)

    @application.get("/whoami", response_class=PlainTextResponse)
    async def whoami(identity: Identity = fastapi.Depends(login)) -> str:  # noqa: B008, FAST002
        return identity.authid

    @application.get("/open")
    async def closed() -> str:
        return "no login is needed"

    return application


def asgi_server(
    new_application: Callable[[AsyncAuthenticator, str], Any],
) -> Callable[[Sites, str, bool], contextlib.AbstractContextManager[int]]:
    """Return what serves an application by uvicorn, in a thread."""

    @contextmanager
    def serve(sites: Sites, service: str, tls: bool) -> Iterator[int]:
        authenticator = AsyncAuthenticator(sites.folder)
        application = new_application(authenticator, service)
        certificate = str(sites.certificates.server) if tls else None
        config = uvicorn.Config(
            application, "127.0.0.1", 0, ssl_certfile=certificate, log_config=None, lifespan="off"
        )
        started = threading.Event()
        server = _Server(config, started)

        async def run() -> None:
            async with _closing(authenticator):
                await server.serve()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        try:
            assert started.wait(SECONDS)
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(SECONDS)

    return serve


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._listening = started

    async def startup(self, sockets: Any = None) -> None:
        """Say when it listens."""
        await super().startup(sockets)
        self._listening.set()


@contextlib.asynccontextmanager
async def _closing(authenticator: AsyncAuthenticator) -> AsyncIterator[None]:
    async with authenticator:
        yield


SERVERS: dict[str, Callable[[Sites, str, bool], contextlib.AbstractContextManager[int]]] = {
    "asgi": asgi_server(new_asgi),
    "starlette": asgi_server(new_starlette),
    "fastapi": asgi_server(new_fastapi),
}
