"""What a login is supposed to be that does not take place: `Module.simulate`, `ualauth explain`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from ualauth.codes import ReturnCode

Simulated = ReturnCode | Collection[ReturnCode] | None
"""What a module would answer: a code; some, of which it cannot tell the one; or `None`: it cannot
say anything, and the answer is assumed."""


class Situation(Protocol):
    """What is supposed beyond what an attempt has: user, mechanism, peer and TLS."""

    @property
    def moment(self) -> datetime:
        """When the login takes place, in UTC."""
        ...

    def is_right(self, whose: object = None) -> bool:
        """Return whether the password, proof, token or ticket is the right one.

        It is not known whether, if both are to be shown: then a login is looked at once for each.
        `whose` is what knows the right one; two entries that say the same of it are answered
        alike. By default that is the module with the arguments of the entry.
        """
        ...
