"""pymap's IMAP server, asking ualauth (extra `pymap`)."""

from ualauth.system.extras import require

require(__name__, "pymap")

from ualauth.adapters.pymap.login import Login  # noqa: E402 - says first what is missing
from ualauth.adapters.pymap.server import IMAPServer  # noqa: E402 - says first what is missing

__all__ = ["IMAPServer", "Login"]
