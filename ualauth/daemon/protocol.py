"""The contract of protocols, for authors of other ones: the public path.

A protocol is a subclass of `Protocol`, and an entry point of the group `ualauth.protocols`.
"""

from ualauth.daemon.protocols.base import Caller, Endpoint, NoSettings, Protocol
from ualauth.daemon.requests import (
    Answer,
    Begin,
    Call,
    Challenge,
    Changed,
    ChangePassword,
    Done,
    Expired,
    Failed,
    Granted,
    HttpLogin,
    Login,
    Offer,
    Offered,
    Request,
    Respond,
    Tag,
)

__all__ = [
    "Answer",
    "Begin",
    "Call",
    "Caller",
    "Challenge",
    "ChangePassword",
    "Changed",
    "Done",
    "Endpoint",
    "Expired",
    "Failed",
    "Granted",
    "HttpLogin",
    "Login",
    "NoSettings",
    "Offer",
    "Offered",
    "Protocol",
    "Request",
    "Respond",
    "Tag",
]
