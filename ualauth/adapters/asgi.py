"""ASGI applications, asking ualauth; no framework is needed.

    app = LoginMiddleware(app, authenticator, "ual.remote")

A request that no user is let in by never reaches the application. In the scope of
those that do, `ualauth_identity` is an `ualauth.Identity`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from ualauth.adapters.http_login import HttpPeer, HttpService, log_in_async
from ualauth.adapters.http_replies import Header, HttpRefusal, HttpReply
from ualauth.aio import AsyncAuthenticator

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008
"""With which a WebSocket is closed that no user is let in by (RFC 6455, section 7.4.1).

A server that can deny it by a response (ASGI's Denial Response) is given that of a request.
"""


def authorization_in(scope: Scope) -> list[str]:
    """Return the values of a request's headers Authorization."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]


def peer_in(scope: Scope) -> HttpPeer:
    """Return who sends a request, as the server has it: no header is read."""
    client = scope.get("client")
    # A UNIX socket's clients have no address.
    return HttpPeer(client[0] or None if client else None, scope.get("scheme") in {"https", "wss"})


def raw_headers(headers: Iterable[Header]) -> list[tuple[bytes, bytes]]:
    """Return headers as ASGI has them."""
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers]


class LoginMiddleware:
    """Lets requests and WebSockets through that a user is let in by."""

    def __init__(
        self,
        app: Application,
        authenticator: AsyncAuthenticator,
        service: str = "ual.remote",
        *,
        realm: str = "mail",
    ) -> None:
        """Stand before `app`; `ValueError` for a realm that is not printable ASCII."""
        self._app = app
        self._authenticator = authenticator
        self._service = HttpService(service, realm)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "lifespan":
            values, peer = authorization_in(scope), peer_in(scope)
            try:
                identity = await log_in_async(self._authenticator, self._service, values, peer)
            except HttpRefusal as refusal:
                await _refuse(scope, refusal.reply, send)
                return
            scope = {**scope, "ualauth_identity": identity}
        await self._app(scope, receive, send)


async def _refuse(scope: Scope, reply: HttpReply, send: Send) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        kind = "websocket.http.response"
        if kind not in (scope.get("extensions") or {}):
            # Before it is accepted, the server answers 403.
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
    headers = raw_headers(reply.headers)
    headers.append((b"content-length", str(len(reply.body)).encode()))
    body = b"" if scope.get("method") == "HEAD" else reply.body
    await send({"type": f"{kind}.start", "status": reply.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
