"""The contract of protocols, for authors of other ones: the public path.

A protocol is a subclass of `Protocol`, and an entry point of the group `ualauth.protocols`.
"""

from ualauth.daemon.protocols.base import Caller, Endpoint, NoSettings, Protocol
from ualauth.daemon.requests import (
    Answer,
    Begin,
    Challenge,
    Count,
    Expired,
    Failed,
    FinishedLogin,
    Forget,
    Granted,
    HttpLogin,
    Login,
    LookUp,
    NextUsers,
    Offer,
    Offered,
    Request,
    Respond,
    Tag,
    Take,
    Unknown,
    UserDetails,
    Users,
)

__all__ = [
    "Answer",
    "Begin",
    "Caller",
    "Challenge",
    "Count",
    "Endpoint",
    "Expired",
    "Failed",
    "FinishedLogin",
    "Forget",
    "Granted",
    "HttpLogin",
    "Login",
    "LookUp",
    "NextUsers",
    "NoSettings",
    "Offer",
    "Offered",
    "Protocol",
    "Request",
    "Respond",
    "Tag",
    "Take",
    "Unknown",
    "UserDetails",
    "Users",
]
