"""What goes into a file that is written."""

from __future__ import annotations

from dataclasses import dataclass

from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.record import User

Known = tuple[User, tuple[ScramSecret, ...]]
"""A user and UL-SASL-PWD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How users are written: with `passwords` or without, in LDIF below `base`."""

    passwords: bool = True
    base: str = ""
