"""Pluggable authentication for mail servers.

    from ualauth import Authenticator

    auth = Authenticator("/etc/ualauth")
    identity = auth.authenticate("pop3", "jsmith", password, rhost="192.0.2.7", tls=True)

Names are loaded when first used, so that `import ualauth` is quick.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ualauth.aio import AsyncAuthenticator, AsyncSaslExchange, AsyncTransaction
    from ualauth.authenticator import Authenticator, SaslExchange, Transaction
    from ualauth.codes import Flag, Item, ModuleType, Operation, ReturnCode
    from ualauth.config.config import Config
    from ualauth.errors import (
        AccountRestricted,
        AuthenticationError,
        AuthenticationFailed,
        ConfigurationError,
        MechanismUnavailable,
        ModuleUnavailable,
        PasswordExpired,
        PasswordRefused,
        PeerUnknown,
        ServiceFileError,
        StoreError,
        TemporaryFailure,
        UalauthError,
        UnknownService,
    )
    from ualauth.explaining.explain import explain
    from ualauth.explaining.explanation import Explanation
    from ualauth.identity import Identity, Person
    from ualauth.messages import (
        Answer,
        Answers,
        AsyncConversation,
        Challenge,
        Conversation,
        ConversationAgain,
        Error,
        Info,
        Message,
        Question,
        TextMessage,
    )
    from ualauth.runtime.outcome import Outcome, outcome_of_exception
    from ualauth.runtime.peer import ConnectionInfo, Peer
    from ualauth.runtime.trace import TraceStep
    from ualauth.stack.model import Service
    from ualauth.system.peer_credentials import peer_uid

__version__ = "0.1.0"

_HOMES = {
    "aio": ("AsyncAuthenticator", "AsyncSaslExchange", "AsyncTransaction"),
    "authenticator": ("Authenticator", "SaslExchange", "Transaction"),
    "codes": ("Flag", "Item", "ModuleType", "Operation", "ReturnCode"),
    "config.config": ("Config",),
    "errors": (
        "AccountRestricted",
        "AuthenticationError",
        "AuthenticationFailed",
        "ConfigurationError",
        "MechanismUnavailable",
        "ModuleUnavailable",
        "PasswordExpired",
        "PasswordRefused",
        "PeerUnknown",
        "ServiceFileError",
        "StoreError",
        "TemporaryFailure",
        "UalauthError",
        "UnknownService",
    ),
    "explaining.explain": ("explain",),
    "explaining.explanation": ("Explanation",),
    "identity": ("Identity", "Person"),
    "messages": (
        "Answer",
        "Answers",
        "AsyncConversation",
        "Challenge",
        "Conversation",
        "ConversationAgain",
        "Error",
        "Info",
        "Message",
        "Question",
        "TextMessage",
    ),
    "stack.model": ("Service",),
    "system.peer_credentials": ("peer_uid",),
    "runtime.outcome": ("Outcome", "outcome_of_exception"),
    "runtime.peer": ("ConnectionInfo", "Peer"),
    "runtime.trace": ("TraceStep",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AccountRestricted",
    "Answer",
    "Answers",
    "AsyncAuthenticator",
    "AsyncConversation",
    "AsyncSaslExchange",
    "AsyncTransaction",
    "AuthenticationError",
    "AuthenticationFailed",
    "Authenticator",
    "Challenge",
    "Config",
    "ConfigurationError",
    "ConnectionInfo",
    "Conversation",
    "ConversationAgain",
    "Error",
    "Explanation",
    "Flag",
    "Identity",
    "Info",
    "Item",
    "MechanismUnavailable",
    "Message",
    "ModuleType",
    "ModuleUnavailable",
    "Operation",
    "Outcome",
    "PasswordExpired",
    "PasswordRefused",
    "Peer",
    "PeerUnknown",
    "Person",
    "Question",
    "ReturnCode",
    "SaslExchange",
    "Service",
    "ServiceFileError",
    "StoreError",
    "TemporaryFailure",
    "TextMessage",
    "TraceStep",
    "Transaction",
    "UalauthError",
    "UnknownService",
    "__version__",
    "explain",
    "outcome_of_exception",
    "peer_uid",
]

# A library says nothing unless the application listens (logging cookbook).
logging.getLogger("ualauth").addHandler(logging.NullHandler())


def __getattr__(name: str) -> object:
    """Load a public name from its module (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'ualauth' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ualauth.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
