"""Why a directory could not say: none of these tells anything about a password or a user.

    DirectoryFault
    ├── Unreachable        no server takes connections
    │   └── Lost           a connection ended before the answer came
    ├── TimedOut           a server does not answer in time
    ├── TlsFault           no encryption, or a certificate that does not hold
    ├── ProtocolFault      what came is no LDAP, too large, or stops in the middle
    ├── ServiceRefused     the service's own name or password is not taken
    └── Unanswered         the server answers with a code that decides nothing; `code` is it

The texts are for the administrator; they hold no secrets, and no values of entries.
"""

from __future__ import annotations

import copy
from typing import Self

from ualauth.errors import UalauthError


class DirectoryFault(UalauthError):
    """A directory could not be asked, or did not answer; `server` is its URI, or empty."""

    def __init__(self, text: str, server: str = "") -> None:
        """Say what happened, and where."""
        super().__init__(text, server)
        self.text = text
        self.server = server

    def __str__(self) -> str:
        """Return where and what."""
        return f"{self.server}: {self.text}" if self.server else self.text

    def again(self) -> Self:
        """Return the same to be raised once more, without the memory of the first time."""
        fault = copy.copy(self)
        fault.server = self.server
        return fault


class Unreachable(DirectoryFault):
    """No connection can be made."""


class Lost(Unreachable):
    """The connection ended before the whole answer was there."""


class TimedOut(DirectoryFault):
    """No answer came in time."""


class TlsFault(DirectoryFault):
    """The connection cannot be encrypted, or the server cannot show who it is."""


class ProtocolFault(DirectoryFault):
    """The answer is not LDAP, is larger than allowed, or ends before its end."""


class ServiceRefused(DirectoryFault):
    """The directory does not take the service's own name and password."""


class Unanswered(DirectoryFault):
    """The server answers by a result code that is neither a yes nor a no."""

    def __init__(self, text: str, code: int, server: str = "") -> None:
        """Keep the code (RFC 4511, section 4.1.9)."""
        super().__init__(text, server)
        self.args = (text, code, server)
        self.code = code
