"""Serve IMAP on loopback, with every SASL mechanism, until Ctrl-C. The server is Twisted's.

usage: .venv/bin/python examples/twisted_imap_server.py FOLDER [PORT TLS_PORT]

FOLDER is made if it is not there, with people, certificates and a token to play with
(see `playground.py`). Whoever gets in finds an empty inbox.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playground import Playground
from twisted.cred.portal import Portal
from twisted_playground import Realm, serve

from ualauth.adapters.twisted import IMAP4Server, TwistedAuthenticator


def main(folder: Path, ports: tuple[int, int]) -> None:
    """Serve IMAP until somebody stops it."""
    playground = Playground.make(folder)
    authenticator = TwistedAuthenticator(folder)
    portal = Portal(Realm())
    serve(
        "IMAP",
        playground,
        lambda tls: IMAP4Server(authenticator, portal, "imap", tls),
        ports,
    )
    authenticator.close()


if __name__ == "__main__":
    if len(sys.argv) not in {2, 4}:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])) if sys.argv[3:] else (2143, 2993))
