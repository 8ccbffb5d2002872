"""Twisted's server for mail submission, with STARTTLS and with TLS from the beginning.

usage: .venv/bin/python examples/twisted_smtp_server.py [FOLDER]

It listens on 127.0.0.1, says how to log in with a mail program, prints who sends what, and ends by
Ctrl-C. FOLDER is made, or used if it is there; without one, it is a temporary one. Unlike
aiosmtpd's TLS, Twisted's lets clients bind to the channel by `tls-exporter`.
"""

from __future__ import annotations

from twisted_playground import Realm, serve

from ualauth.adapters.twisted import ESMTP

if __name__ == "__main__":
    serve("smtp", ESMTP, Realm(), (5588, 5466), __doc__)
