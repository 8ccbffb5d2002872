"""What was submitted within the last hour, and whether that is too much.

It is counted in pieces of five minutes. A piece counts until all of it is over an hour ago: so
there is no hour with more than a limit says, and at times one with a little less. What was refused
is counted by itself: it does not keep a user from submitting, but tells who goes far beyond.
"""

from __future__ import annotations

import enum
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ualauth.system.networks import Source
from ualauth.text.dataclass import dataclass
from ualauth.userlist.account.lockout import KEY_BYTES
from ualauth.userlist.policy import SubmissionRules

_PIECE = 300 * 1_000_000
"""Microseconds of a piece."""
_PIECES = 12
"""Pieces of an hour, beside the one that has begun."""


class Amount(NamedTuple):
    """Messages, and the recipients of all of them."""

    messages: int = 0
    recipients: int = 0

    def plus(self, other: Amount) -> Amount:
        """Return both together."""
        return Amount(self.messages + other.messages, self.recipients + other.recipients)

    def exceeds(self, rules: SubmissionRules, factor: int = 1) -> bool:
        """Return whether it is more than `factor` times what the rules allow."""
        limits = rules.messages_per_hour, rules.recipients_per_hour
        return any(
            limit and number > limit * factor for number, limit in zip(self, limits, strict=True)
        )


_NOTHING = Amount()


class Piece(NamedTuple):
    """What was submitted within five minutes; `number` is how many of them since 1970."""

    number: int
    accepted: Amount = _NOTHING
    refused: Amount = _NOTHING


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a user, or the clients of a source, submitted, oldest first."""

    pieces: tuple[Piece, ...] = ()

    def counting(self, now: int) -> Submitted:
        """Return what still counts at `now`.

        What a clock that was wrong has put into times to come is of now.
        """
        current = now // _PIECE
        pieces = defaultdict[int, list[Piece]](list)
        for each in self.pieces:
            if each.number >= current - _PIECES:
                pieces[min(each.number, current)].append(each)
        return Submitted(
            tuple(
                Piece(number, _total(p.accepted for p in some), _total(p.refused for p in some))
                for number, some in sorted(pieces.items())
            )
        )

    def plus(self, amount: Amount, now: int, *, is_refused: bool) -> Submitted:
        """Return it with one more message."""
        current = now // _PIECE
        new = Piece(current, refused=amount) if is_refused else Piece(current, accepted=amount)
        return Submitted((*self.pieces, new)).counting(now)

    @property
    def accepted(self) -> Amount:
        """What went on."""
        return _total(each.accepted for each in self.pieces)

    @property
    def refused(self) -> Amount:
        """What was refused for being too much."""
        return _total(each.refused for each in self.pieces)

    @property
    def forgotten(self) -> int:
        """When nothing of it counts any more, in microseconds."""
        last = max((each.number for each in self.pieces), default=0)
        return (last + _PIECES + 1) * _PIECE

    def __str__(self) -> str:
        """Return it as the database has it; `read` reads it."""
        return " ".join(
            ":".join(map(str, (number, *accepted, *refused)))
            for number, accepted, refused in self.pieces
        )

    @classmethod
    def read(cls, text: str) -> Submitted:
        """Return what a text of the database says.

        Raises:
            ValueError: for another text.

        """
        pieces = []
        for word in text.split():
            number, *counts = map(int, word.split(":"))
            messages, recipients, refused, refused_recipients = counts
            pieces.append(
                Piece(number, Amount(messages, recipients), Amount(refused, refused_recipients))
            )
        return cls(tuple(pieces))


def _total(amounts: Iterable[Amount]) -> Amount:
    total = _NOTHING
    for each in amounts:
        total = total.plus(each)
    return total


@dataclass(frozen=True, slots=True)
class Place:
    """Where submissions are counted, and by which rules; `is_user` or else a source."""

    key: bytes
    rules: SubmissionRules
    is_user: bool


class Verdict(enum.Enum):
    """What becomes of a message."""

    ACCEPTED = enum.auto()
    TOO_MUCH_OF_USER = enum.auto()
    TOO_MUCH_OF_SOURCE = enum.auto()
    TOO_LARGE = enum.auto()
    """It has more recipients than any hour may have."""


class Counted(NamedTuple):
    """What becomes of a message; whether its user went far beyond; what is counted now."""

    verdict: Verdict
    goes_far_beyond: bool
    rows: Sequence[Submitted]


def count(places: Sequence[Place], rows: Sequence[Submitted], recipients: int, now: int) -> Counted:
    """Count one message, in all places or, as a refused one, where it is too much."""
    amount = Amount(1, recipients)
    current = [row.counting(now) for row in rows]
    beyond = [
        row.accepted.plus(amount).exceeds(place.rules)
        for place, row in zip(places, current, strict=True)
    ]
    if not any(beyond):
        after = [row.plus(amount, now, is_refused=False) for row in current]
        return Counted(Verdict.ACCEPTED, goes_far_beyond=False, rows=after)
    verdict, goes_far_beyond = Verdict.ACCEPTED, False
    for number, (place, is_beyond) in enumerate(zip(places, beyond, strict=True)):
        if not is_beyond:
            continue
        if verdict is Verdict.ACCEPTED:
            usual = Verdict.TOO_MUCH_OF_USER if place.is_user else Verdict.TOO_MUCH_OF_SOURCE
            verdict = Verdict.TOO_LARGE if amount.exceeds(place.rules) else usual
        row = current[number].plus(_capped(amount, place.rules), now, is_refused=True)
        current[number] = row
        factor = place.rules.lock_factor
        goes_far_beyond |= place.is_user and factor > 0 and row.refused.exceeds(place.rules, factor)
    return Counted(verdict, goes_far_beyond, current)


def _capped(amount: Amount, rules: SubmissionRules) -> Amount:
    """Return what a refused message counts as: one with far too many recipients may be a slip."""
    limit = rules.recipients_per_hour
    return amount if not limit else Amount(amount.messages, min(amount.recipients, limit))


def places_of_sources(sources: Sequence[Source], rules: SubmissionRules) -> tuple[Place, ...]:
    """Return the places of a source and of the wider ones that it is part of."""
    return tuple(
        Place(
            _source_key(source.text),
            SubmissionRules(
                messages_per_hour=rules.messages_per_hour * source.factor,
                recipients_per_hour=rules.recipients_per_hour * source.factor,
                lock_factor=0,
            ),
            is_user=False,
        )
        for source in sources
    )


def _source_key(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(octets, digest_size=KEY_BYTES, person=b"source").digest()
