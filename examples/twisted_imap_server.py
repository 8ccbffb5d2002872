"""Twisted's IMAP server, with STARTTLS and with TLS from the beginning.

usage: .venv/bin/python examples/twisted_imap_server.py [FOLDER]

It listens on 127.0.0.1, says how to log in with a mail program, and ends by Ctrl-C.
FOLDER is made, or used if it is there; without one, it is a temporary one. Every user has
an empty inbox. Unlike pymap, Twisted's TLS lets clients bind to the channel by
`tls-exporter`.
"""

from __future__ import annotations

from twisted_playground import Realm, serve

from ualauth.adapters.twisted import IMAP4Server

if __name__ == "__main__":
    serve("imap", IMAP4Server, Realm(), (5144, 5994), __doc__)
