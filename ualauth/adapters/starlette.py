"""Starlette's AuthenticationMiddleware, asking ualauth (extra `starlette`).

    backend = Backend(authenticator, "ual.remote")
    Middleware(AuthenticationMiddleware, backend=backend, on_error=on_error)

`request.user` is a `MailUser` then, and `request.auth.scopes` has `authenticated` and,
for administrators, `administrator`.
"""

from __future__ import annotations

from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
)
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ualauth.adapters.asgi import authorization_in, peer_in, raw_headers
from ualauth.adapters.http_login import HttpService, log_in_async
from ualauth.adapters.http_replies import REPLIES, HttpRefusal, HttpReply
from ualauth.aio import AsyncAuthenticator
from ualauth.contract.identity import Identity


class LoginRefused(AuthenticationError):
    """No user was let in; `reply` says so to the client."""

    def __init__(self, reply: HttpReply) -> None:
        """Keep the reply."""
        super().__init__(reply.text)
        self.reply = reply


class MailUser(BaseUser):
    """A user who was let in."""

    def __init__(self, identity: Identity) -> None:
        """Keep whom the login vouches for."""
        self.ualauth_identity = identity

    @property
    def is_authenticated(self) -> bool:
        """Whether the user is known: always."""
        return True

    @property
    def display_name(self) -> str:
        """The user's name, or else the authid."""
        return self.ualauth_identity.person.name or self.identity

    @property
    def identity(self) -> str:
        """The authid."""
        return self.ualauth_identity.authid


class Backend(AuthenticationBackend):
    """Asks a service about each request.

    With `anonymous`, a request without Authorization goes on, as Starlette's
    `UnauthenticatedUser`: then each endpoint has to look. One with credentials that are
    refused, or cannot be read, never goes on.
    """

    def __init__(
        self,
        authenticator: AsyncAuthenticator,
        service: str = "ual.remote",
        *,
        realm: str = "mail",
        anonymous: bool = False,
    ) -> None:
        """Ask `service`; `ValueError` for a realm that is not printable ASCII."""
        self._authenticator = authenticator
        self._service = HttpService(service, realm)
        self._anonymous = anonymous

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, MailUser] | None:
        """Return who sends a request.

        Raises:
            LoginRefused: if no user is let in.

        """
        if self._anonymous and not authorization_in(conn.scope):
            return None
        try:
            # No variable holds the header: debuggers show them.
            identity = await log_in_async(
                self._authenticator,
                self._service,
                authorization_in(conn.scope),
                peer_in(conn.scope),
            )
        except HttpRefusal as refusal:
            reply = refusal.reply
        else:
            scopes = ["authenticated"]
            if identity.person.administrator:
                scopes.append("administrator")
            return AuthCredentials(scopes), MailUser(identity)
        raise LoginRefused(reply)


def on_error(conn: HTTPConnection, error: Exception) -> Response:  # noqa: ARG001 - Starlette's
    """Return what the client is told; for `AuthenticationMiddleware`."""
    # Another backend's errors have no reply of their own.
    reply = error.reply if isinstance(error, LoginRefused) else REPLIES[Exception]
    return Response(reply.body, reply.status, headers_of(reply))


def headers_of(reply: HttpReply) -> Headers:
    """Return the headers of a reply, of which one may be there several times."""
    return Headers(raw=raw_headers(reply.headers))
