"""Serve POP3 on loopback, with every SASL mechanism, until Ctrl-C. The server is Twisted's.

usage: .venv/bin/python examples/pop3_server.py FOLDER [PORT TLS_PORT]

FOLDER is made if it is not there, with people, certificates and a token to play with
(see `playground.py`). Whoever gets in finds one message.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playground import Playground
from twisted.cred.portal import Portal
from twisted_playground import Realm, serve

from ualauth.adapters.twisted import POP3, TwistedAuthenticator


def main(folder: Path, ports: tuple[int, int]) -> None:
    """Serve POP3 until somebody stops it."""
    playground = Playground.make(folder)
    authenticator = TwistedAuthenticator(folder)
    portal = Portal(Realm())
    serve(
        "POP3",
        playground,
        lambda tls: POP3(authenticator, portal, "pop3", tls),
        ports,
    )
    authenticator.close()


if __name__ == "__main__":
    if len(sys.argv) not in {2, 4}:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])) if sys.argv[3:] else (1110, 1995))
