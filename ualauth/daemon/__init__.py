"""`ualauth serve`: one daemon on the sockets that mail servers know.

A protocol (`protocols/`, one a file) is a state machine without input and output: bytes in,
requests and bytes out. `connection` carries bytes, `asking` carries out what is requested, by
the library; `server` and `sockets` know no protocol but by its name.

The daemon adds no policy: what it answers, the library in process answers, too.

Internal: of it, `ualauth.daemon.protocol` alone is for authors of protocols.
"""
