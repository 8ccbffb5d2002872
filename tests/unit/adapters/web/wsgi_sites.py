"""Applications for WSGI, served by Werkzeug with threads, which can do TLS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import flask
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.unit.adapters.looping import SECONDS
from tests.unit.adapters.web.sites import Sites
from ualauth import Authenticator
from ualauth.adapters.flask import Login
from ualauth.adapters.wsgi import LoginMiddleware


def new_wsgi(authenticator: Authenticator, service: str) -> Any:
    """Return an application without a framework."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        identity = environ["ualauth.identity"]
        assert environ["REMOTE_USER"] == identity.authid
        start_response("200 OK", [("Auth-Type", environ["AUTH_TYPE"])])
        return [identity.authid.encode()]

    return LoginMiddleware(application, authenticator, service)


def new_flask(authenticator: Authenticator, service: str) -> flask.Flask:
    """Return an application of Flask."""
    application = flask.Flask("site")
    login = Login(authenticator, service)

    @application.get("/whoami")
    @login.required
    def whoami() -> str:
        return login.identity.authid

    @application.get("/forgotten")
    def forgotten() -> str:
        return login.identity.authid

    return application


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


def wsgi_server(
    new_application: Callable[[Authenticator, str], Any],
) -> Callable[[Sites, str, bool], AbstractContextManager[int]]:
    """Return what serves an application, in threads."""

    @contextmanager
    def serve(sites: Sites, service: str, tls: bool) -> Iterator[int]:
        pem = str(sites.certificates.server)
        with Authenticator(sites.folder) as authenticator:
            application = new_application(authenticator, service)
            server = make_server(
                "127.0.0.1",
                0,
                application,
                threaded=True,
                request_handler=_Quiet,
                ssl_context=(pem, pem) if tls else None,
            )
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                yield server.port
            finally:
                server.shutdown()
                thread.join(SECONDS)
                server.server_close()

    return serve


WSGI_SERVERS = {"wsgi": wsgi_server(new_wsgi), "flask": wsgi_server(new_flask)}
