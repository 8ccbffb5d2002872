"""What the records of a span of time amount to: how often, by what, and what it looks like.

However long a log is, and however many names a stranger makes up, it takes the same memory:
what is counted of the rarest is given up for what is counted of others, and then said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ualauth.audit_log.record import Logged
from ualauth.reasons import GUESSES
from ualauth.system.networks import source_of
from ualauth.text.dataclass import dataclass

MOST_COUNTED = 20_000
"""Values of one kind that are counted."""
_MOST_TOGETHER = 100
"""Names of one source, and sources of one name, that are told apart."""

MANY_NAMES = 5
"""Names with guesses from one source from which on it looks like an attack."""
MANY_SOURCES = 10
"""Sources with guesses of one name from which on it looks like an attack."""
SOME = 3
"""Guesses of one name from one source, or logins not checked, from which on there is a hint."""

_GUESSES = frozenset(str(each) for each in GUESSES)


@dataclass(frozen=True, slots=True)
class Hint:
    """What some of the records look like."""

    kind: str
    """`attack`, `typo` or `outage`."""
    text: str


class Tally:
    """How often each of some values came; of too many, only of those that came most."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counts: Counter[str] = Counter()
        self.is_whole = True
        """Whether nothing was given up."""

    def add(self, value: str) -> None:
        """Count one more."""
        self._counts[value] += 1
        if len(self._counts) > MOST_COUNTED:
            self._counts = Counter(dict(self._counts.most_common(MOST_COUNTED // 2)))
            self.is_whole = False

    def most_common(self, number: int) -> list[tuple[str, int]]:
        """Return the values that came most, and how often."""
        return sorted(self._counts.most_common(number), key=lambda each: (-each[1], each[0]))

    def __getitem__(self, value: str) -> int:
        """Return how often a value came."""
        return self._counts[value]

    def __len__(self) -> int:
        """Return how many values are counted."""
        return len(self._counts)


class Together:
    """With which others each of some values came: some are told apart, of most values."""

    def __init__(self) -> None:
        """Begin with none."""
        self._others: dict[str, set[str]] = {}

    def add(self, value: str, other: str) -> None:
        """Note that a value came with another."""
        others = self._others.get(value)
        if others is None:
            if len(self._others) >= MOST_COUNTED:
                few = [key for key, each in self._others.items() if len(each) == 1]
                for key in few or list(self._others)[: MOST_COUNTED // 2]:
                    del self._others[key]
            others = self._others[value] = set()
        if len(others) < _MOST_TOGETHER:
            others.add(other)

    def items(self) -> Iterator[tuple[str, set[str]]]:
        """Yield each value with the others."""
        yield from self._others.items()

    def of(self, value: str) -> set[str]:
        """Return the others of a value."""
        return self._others.get(value, set())


class Summary:
    """The records of a span of time, counted."""

    def __init__(self) -> None:
        """Begin with none."""
        self.records = 0
        self.first: float | None = None
        self.last: float | None = None
        self.tallies = {
            name: Tally() for name in ("outcome", "reason", "source", "service", "name", "entry")
        }
        """What is counted by; but for the outcome, only of records that were not granted."""
        self._names_of = Together()
        self._sources_of = Together()
        self._guesses = Tally()
        self._services = Tally()
        self._unavailable = Tally()
        self._why: dict[str, Tally] = {}

    def add(self, record: Logged) -> None:
        """Count a record."""
        self.records += 1
        if record.time is not None:
            self.first = record.time if self.first is None else min(self.first, record.time)
            self.last = record.time if self.last is None else max(self.last, record.time)
        service, reason = record.text("service"), record.text("reason")
        tallies = self.tallies
        tallies["outcome"].add(record.outcome)
        self._services.add(service)
        if record.outcome == "granted":
            return
        source, name = source_of(record.text("rhost") or None), record.name
        values = {
            "reason": reason,
            "source": source,
            "service": service,
            "name": name,
            "entry": record.text("entry"),
        }
        for key, value in values.items():
            tallies[key].add(value or "-")
        if record.outcome == "unavailable":
            self._unavailable.add(service)
            if service in self._why or len(self._why) < MOST_COUNTED:
                self._why.setdefault(service, Tally()).add(f"{reason} {record.text('entry')}")
        elif reason in _GUESSES and name:
            self._names_of.add(source, name)
            self._sources_of.add(name, source)
            self._guesses.add(f"{source}\t{name}")

    def hints(self) -> list[Hint]:
        """Return what it looks like: outages first, then attacks, then slips of users."""
        return [*self._outages(), *self._attacks(), *self._typos()]

    def _outages(self) -> Iterator[Hint]:
        """Yield the services of which half of the logins, and some, could not be checked."""
        for service, number in self._unavailable.most_common(10):
            if number >= SOME and 2 * number >= self._services[service]:
                most = self._why[service].most_common(1) if service in self._why else []
                reason, _, entry = (most[0][0] if most else "").partition(" ")
                by = f" by {entry}" if entry else ""
                total = self._services[service]
                text = f"{service}: {number} of {total} could not be checked: {reason}{by}"
                yield Hint("outage", f"{text}; a server that is down, and not the users")

    def _attacks(self) -> Iterator[Hint]:
        by_names = sorted(self._names_of.items(), key=lambda each: (-len(each[1]), each[0]))
        for source, names in by_names[:10]:
            if len(names) >= MANY_NAMES:
                text = f"{source or 'this host'}: guesses at {_number(names)} names; one source"
                yield Hint("attack", text)
        by_sources = sorted(self._sources_of.items(), key=lambda each: (-len(each[1]), each[0]))
        for name, sources in by_sources[:10]:
            if len(sources) >= MANY_SOURCES:
                text = f"{name}: guesses from {_number(sources)} sources; one name"
                yield Hint("attack", text)

    def _typos(self) -> Iterator[Hint]:
        for both, number in self._guesses.most_common(1000):
            source, _, name = both.partition("\t")
            alone = len(self._names_of.of(source)) == len(self._sources_of.of(name)) == 1
            if number >= SOME and alone:
                text = (
                    f"{name} from {source or 'this host'}: {number} guesses; one name, one source:"
                )
                yield Hint("typo", f"{text} a password mistyped, or kept in a client")


def _number(values: set[str]) -> str:
    return f"{len(values)}" if len(values) < _MOST_TOGETHER else f"{_MOST_TOGETHER} or more"
