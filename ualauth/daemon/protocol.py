"""The contract of protocols, for authors of other ones: the public path.

A protocol is a subclass of `Protocol`, and an entry point of the group `ualauth.protocols`.
"""

from ualauth.daemon.protocols.base import Caller, Endpoint, NoSettings, Protocol
from ualauth.daemon.requests import (
    Answer,
    Begin,
    Challenge,
    Expired,
    Failed,
    FindOwners,
    FindPerson,
    Granted,
    Holder,
    HttpLogin,
    Login,
    Offer,
    Offered,
    Owners,
    Request,
    Respond,
    Submission,
    Submitting,
    Tag,
)

__all__ = [
    "Answer",
    "Begin",
    "Caller",
    "Challenge",
    "Endpoint",
    "Expired",
    "Failed",
    "FindOwners",
    "FindPerson",
    "Granted",
    "Holder",
    "HttpLogin",
    "Login",
    "NoSettings",
    "Offer",
    "Offered",
    "Owners",
    "Protocol",
    "Request",
    "Respond",
    "Submission",
    "Submitting",
    "Tag",
]
