"""A web site of Flask's that lets in whom the service ual.remote lets in.

usage: .venv/bin/python examples/flask_site.py [PORT]

It listens on 127.0.0.1 under TLS, says how to log in, and ends by Ctrl-C.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from flask import Flask
from playground import PASSWORD, Playground, show_refusals
from werkzeug.serving import run_simple

from ualauth import Authenticator
from ualauth.adapters.flask import Login

HOST = "127.0.0.1"


def new_application(authenticator: Authenticator) -> Flask:
    """Return the site."""
    application = Flask("site")
    login = Login(authenticator, "ual.remote")

    @application.get("/whoami")
    @login.required
    def whoami() -> dict[str, str]:
        return {"authid": login.identity.authid, "name": login.identity.person.name}

    return application


def main(port: int) -> None:
    """Serve until stopped."""
    show_refusals()
    with tempfile.TemporaryDirectory(prefix="ualauth-") as temporary:
        playground = Playground.make(Path(temporary) / "etc")
        print(
            f"""\
user jsmith, password {PASSWORD!r}; also: locked, expired
  curl --cacert {playground.authority} --user 'jsmith:{PASSWORD}' https://localhost:{port}/whoami
stop by Ctrl-C""",
            flush=True,
        )
        certificate = str(playground.certificate)
        with Authenticator(playground.folder) as authenticator:
            # A service that cannot be used is told now, and not at the first login.
            authenticator.load("ual.remote")
            application = new_application(authenticator)
            context = (certificate, certificate)
            run_simple(HOST, port, application, threaded=True, ssl_context=context)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8443)
