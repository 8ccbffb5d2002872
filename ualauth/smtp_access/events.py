"""What a rule may be about, and what it may do."""

from __future__ import annotations

import enum


class Event(enum.StrEnum):
    """What happens in an attempt to submit; the order is that of reports and headers."""

    SUBMIT = "SUBMIT"
    """A host submits."""
    ANONYMOUS = "ANONYMOUS"
    """It does so without authentication, or after a failed one."""
    AUTH_SUCCESS = "AUTH_SUCCESS"
    """It does so authenticated."""
    AUTH_MISMATCH = "AUTH_MISMATCH"
    """The originator is none of the authenticated user's addresses."""
    RELAY = "RELAY"
    """The message is to go on to another host."""
    ORIGINATOR = "ORIGINATOR"
    """The address of whom it is from."""
    RECIPIENT = "RECIPIENT"
    """The address of whom it is to."""

    @property
    def takes_address(self) -> bool:
        """Whether its patterns are e-mail addresses; they are hosts otherwise."""
        return self in {Event.ORIGINATOR, Event.RECIPIENT}

    @property
    def has_header(self) -> bool:
        """Whether the action Header inserts anything; it counts as Accept otherwise."""
        return self not in {Event.RELAY, Event.RECIPIENT}


class Action(enum.IntEnum):
    """What a rule does; the strictest, which is the largest, wins."""

    ACCEPT = 0
    HEADER = 1
    DISCARD = 2
    DEFER = 3
    REJECT = 4

    def __str__(self) -> str:
        """Return the name as rules have it."""
        return self.name.capitalize()

    @property
    def refuses(self) -> bool:
        """Whether the sender is told no."""
        return self in {Action.DEFER, Action.REJECT}


ALL_EVENTS = frozenset(Event)
