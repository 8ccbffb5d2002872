"""A guess counts as a failure before it is checked, and is given back if it was right.

So what limits guesses does not depend on a client that waits for the answer, and
guesses that are checked at the same time know of each other. Here are the rules:
what a count says before and after; `guesses` keeps the counts.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace

from ualauth.system.networks import Source
from ualauth.text.dataclass import dataclass
from ualauth.userlist.account.lockout import Failures, Keys
from ualauth.userlist.policy import LockoutRules


@dataclass(frozen=True, slots=True)
class Place:
    """Where failures are counted: under a key, for a source, by rules.

    `by_name` is whether it is the name as typed that is counted, which a stranger
    may see, or the user who has it.
    """

    key: bytes
    source: str
    rules: LockoutRules
    by_name: bool

    def __hash__(self) -> int:
        """Return the same for equal places; one key has few rules."""
        return hash((self.key, self.source))


class Ending(enum.Enum):
    """How a guess ended."""

    WRONG = enum.auto()
    """It is a failure."""
    UNCHECKED = enum.auto()
    """It was never answered, nor could have been: it counts for nothing."""
    RIGHT = enum.auto()
    """It was right: what failed before from the same source is forgotten, too."""


def places_of(keys: Keys, sources: Sequence[Source], rules: LockoutRules) -> tuple[Place, ...]:
    """Return the places of a guess, in the order in which every process locks their rows."""
    places = []
    for source in sources:
        here = rules
        if source.factor != 1:
            here = replace(rules, failures=rules.failures * source.factor)
        places.append(Place(keys.user, source.text, here, by_name=False))
        places.append(Place(keys.name, source.text, here, by_name=True))
    return tuple(places)


def reserve(
    rows: Sequence[Failures], places: Sequence[Place], now: int
) -> tuple[list[Failures], bool]:
    """Return the counts with one more guess at `now`, and whether it may be checked.

    It may not, for the moment, where as many are being checked as may fail. Where
    the name is locked, and where a count is, nothing is counted.
    """
    after = []
    for row, place in zip(rows, places, strict=True):
        counting = row.counting(now, place.rules)
        if not counting.is_locked(now):
            # There are too many only where a process has died.
            counting = counting.locked_if_too_many(now, place.rules)
        after.append(counting)
    both = list(zip(after, places, strict=True))
    if any(row.is_locked(now) for row, place in both if place.by_name):
        return after, True
    if any(row.number >= place.rules.failures for row, place in both if not row.is_locked(now)):
        return after, False
    return [row if row.is_locked(now) else row.with_reserved(now) for row in after], True


def holds(rows: Sequence[Failures], moment: int) -> tuple[bool, ...]:
    """Return for each count whether a guess was counted in it at `moment`."""
    return tuple(moment in row.reserved for row in rows)


def conclude(  # noqa: PLR0913, PLR0917 - a guess, and all that is known of it
    rows: Sequence[Failures],
    places: Sequence[Place],
    held: Sequence[bool],
    moment: int,
    now: int,
    ending: Ending,
) -> list[Failures]:
    """Return the counts after a guess that was counted at `moment` where it is `held`."""
    after = []
    for row, place, counted in zip(rows, places, held, strict=True):
        without = row.without_reserved(moment) if counted else row
        if ending is Ending.WRONG and counted:
            after.append(without.one_more(now, place.rules))
        elif ending is Ending.RIGHT and place.source == places[0].source:
            # Those that are being checked meanwhile still count.
            after.append(Failures((), 0, without.reserved))
        else:
            # A wider network has failures of others, which a right guess does not forgive.
            after.append(without)
    return after
