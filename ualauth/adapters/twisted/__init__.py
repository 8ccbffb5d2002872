"""Twisted's mail servers and twisted.cred, asking ualauth (extra `twisted`)."""

from ualauth.system.extras import require

require(__name__, "twisted", "zope.interface", "OpenSSL")

from ualauth.adapters.twisted.authenticator import DeferredExchange, TwistedAuthenticator  # noqa: E402 - says first what is missing
from ualauth.adapters.twisted.checker import (  # noqa: E402 - says first what is missing
    Checker,
    LoginExpired,
    LoginRestricted,
    LoginUnavailable,
    PeerPassword,
)
from ualauth.adapters.twisted.dialogue import MailboxInUse  # noqa: E402 - says first what is missing
from ualauth.adapters.twisted.imap4 import IMAP4Server  # noqa: E402 - says first what is missing
from ualauth.adapters.twisted.pop3 import POP3  # noqa: E402 - says first what is missing
from ualauth.adapters.twisted.smtp import ESMTP  # noqa: E402 - says first what is missing

__all__ = [
    "ESMTP",
    "POP3",
    "Checker",
    "DeferredExchange",
    "IMAP4Server",
    "LoginExpired",
    "LoginRestricted",
    "LoginUnavailable",
    "MailboxInUse",
    "PeerPassword",
    "TwistedAuthenticator",
]
