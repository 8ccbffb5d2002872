"""WSGI applications, asking ualauth; no framework is needed.

    application = LoginMiddleware(application, Authenticator("/etc/ualauth"), "ual.remote")

A request of which no user is let in never reaches the application. In the environment of
those that do, `ualauth.identity` is an `ualauth.Identity`, and `REMOTE_USER` the authid.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from ualauth.adapters.http_login import HttpPeer, HttpService, log_in
from ualauth.adapters.http_replies import HttpRefusal
from ualauth.authenticator import Authenticator

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

IDENTITY = "ualauth.identity"
"""The key of the identity in the environment."""


def authorization_in(environ: WSGIEnvironment) -> list[str]:
    """Return the values of a request's header Authorization; servers join several."""
    value = environ.get("HTTP_AUTHORIZATION")
    return [] if value is None else [value]


def peer_in(environ: WSGIEnvironment) -> HttpPeer:
    """Return who sends a request, as the server has it: no header is read."""
    # A UNIX socket's clients have no address.
    return HttpPeer(environ.get("REMOTE_ADDR") or None, environ["wsgi.url_scheme"] == "https")


class LoginMiddleware:
    """Lets requests through of which a user is let in."""

    def __init__(
        self,
        app: WSGIApplication,
        authenticator: Authenticator,
        service: str = "ual.remote",
        *,
        realm: str = "mail",
    ) -> None:
        """Stand before `app`; `ValueError` for a realm that is not printable ASCII."""
        self._app = app
        self._authenticator = authenticator
        self._service = HttpService(service, realm)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        values, peer = authorization_in(environ), peer_in(environ)
        try:
            identity = log_in(self._authenticator, self._service, values, peer)
        except HttpRefusal as refusal:
            reply = refusal.reply
            status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
            headers = [*reply.headers, ("Content-Length", str(len(reply.body)))]
            start_response(status, headers)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [reply.body]
        scheme = values[0].strip().partition(" ")[0].capitalize()
        own = {IDENTITY: identity, "REMOTE_USER": identity.authid, "AUTH_TYPE": scheme}
        return self._app({**environ, **own}, start_response)
