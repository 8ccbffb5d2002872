"""Views of Flask's, asking ualauth (extra `flask`).

    login = Login(Authenticator("/etc/ualauth"), "ual.remote")

A view under `@login.required` is called for requests of which a user is let in; `login.identity`
is whom the login vouches for. `app.before_request(login.check)` asks for each view.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import Response, abort, current_app, request

from ualauth.adapters.http_login import HttpService, log_in
from ualauth.adapters.http_replies import HttpRefusal
from ualauth.adapters.wsgi import authorization_in, peer_in
from ualauth.authenticator import Authenticator
from ualauth.contract.identity import Identity

P = ParamSpec("P")
_IDENTITIES = "ualauth.flask.identities"


class Login:
    """Asks a service, once a request."""

    def __init__(
        self,
        authenticator: Authenticator,
        service: str = "ual.remote",
        *,
        realm: str = "mail",
    ) -> None:
        """Ask `service`; `ValueError` for a realm that is not printable ASCII."""
        self._authenticator = authenticator
        self._service = HttpService(service, realm)

    @property
    def identity(self) -> Identity:
        """Whom the request lets in.

        Raises:
            RuntimeError: in a view that does not ask.

        """
        identity = _identities().get(self)
        if identity is None:
            raise RuntimeError("this view does not ask who the user is: @login.required is missing")
        return identity

    def check(self) -> None:
        """Let a user in by the current request.

        Raises:
            HTTPException: with the reply, if no user is let in.

        """
        identities = _identities()
        if self in identities:
            return
        try:
            # No variable holds the header: debuggers show them.
            identities[self] = log_in(
                self._authenticator,
                self._service,
                authorization_in(request.environ),
                peer_in(request.environ),
            )
        except HttpRefusal as refusal:
            reply = refusal.reply
        else:
            return
        # Not within the handler: a debugger would show the refusal's calls, too.
        abort(Response(reply.body, reply.status, list(reply.headers)))

    def required(self, view: Callable[P, Any]) -> Callable[P, Any]:
        """Return a view that asks before it is called; it may be a coroutine function."""

        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - the view's
            self.check()
            return current_app.ensure_sync(view)(*args, **kwargs)

        return checked


def _identities() -> dict[Login, Identity]:
    """Return whom the current request lets in.

    `flask.g` belongs to the context of the application, which may last for many requests.
    """
    identities: dict[Login, Identity] = request.environ.setdefault(_IDENTITIES, {})
    return identities
