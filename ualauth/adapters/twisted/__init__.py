"""Twisted's mail servers and twisted.cred, asking ualauth (extra `twisted`)."""

from ualauth.adapters.twisted.authenticator import DeferredExchange, TwistedAuthenticator
from ualauth.adapters.twisted.checker import (
    Checker,
    LoginExpired,
    LoginRestricted,
    LoginUnavailable,
    PeerPassword,
)
from ualauth.adapters.twisted.dialogue import MailboxInUse
from ualauth.adapters.twisted.imap4 import IMAP4Server
from ualauth.adapters.twisted.pop3 import POP3
from ualauth.adapters.twisted.smtp import ESMTP

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
