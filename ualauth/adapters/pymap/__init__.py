"""pymap's IMAP server, asking ualauth (extra `pymap`)."""

from ualauth.adapters.pymap.login import Login
from ualauth.adapters.pymap.server import IMAPServer

__all__ = ["IMAPServer", "Login"]
