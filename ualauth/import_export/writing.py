"""What goes into a file that is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.policy import Policy
from ualauth.userlist.record import User

Known = tuple[User, tuple[ScramSecret, ...]]
"""A user and UL-SASL-PWD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How users are written: with `passwords` or without, in LDIF below `base`.

    `policy` is that of the settings, by which users are refused here at the time `now`. A
    reader who has the `same_settings` needs not be told of it. Users who are kept out from
    elsewhere, of other services or at other times only are written as locked where a format
    cannot say so, unless `open_restricted`. `notes` counts what has to be told of that.
    """

    passwords: bool = True
    base: str = ""
    policy: Policy = field(default_factory=Policy)
    same_settings: bool = False
    open_restricted: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: Counter[str] = field(default_factory=Counter)
