"""Twisted's POP3 server, with STLS and with TLS from the beginning.

usage: .venv/bin/python examples/pop3_server.py [FOLDER]

It listens on 127.0.0.1, says how to log in with a mail program, and ends by Ctrl-C.
FOLDER is made, or used if it is there; without one, it is a temporary one. Every user has
one message, in memory.
"""

from __future__ import annotations

from twisted_playground import Realm, serve

from ualauth.adapters.twisted import POP3

if __name__ == "__main__":
    serve("pop3", POP3, Realm(), (5110, 5995), __doc__)
