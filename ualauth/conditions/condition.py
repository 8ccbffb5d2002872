r"""Conditions on a login: what an administrator writes, read once, and whether it holds.

    condition = [ "!" ] word [ "=" value ]
    value     = item *( "," item )       ; any item may hold; "/" between mail nodes
    names     = shell patterns: * ? [abc] [!abc]
    rhost     = address / network        ; 192.0.2.7, 192.0.2.0/24, 2001:db8::/32
    mail_node = unit *3( "," unit )      ; ny,hq and what is below it
    hour      = time "-" time            ; from the first to just before the second
    time      = 1*2DIGIT [ ":" 2DIGIT ]  ; 0 to 24:00
    weekday   = day [ "-" day ]          ; Mo Tu We Th Fr Sa Su
    group     = name                     ; no pattern; "\," is a comma of the name

Every condition is true or false, and `!` turns that around: what is not known
(no peer address, no mechanism, a user who is not in the USERLIST) matches
nothing, so the condition is false and its negation true. Names are compared as
the USERLIST does, where case does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from ualauth.conditions import matching
from ualauth.conditions.matching import ConditionError
from ualauth.text.closest import closest
from ualauth.text.escapes import plain, split
from ualauth.userlist.record import User


class Need(IntEnum):
    """What has to be known before a condition can be looked at; more is dearer."""

    ATTEMPT = 0
    USER = 1
    RECORD = 2
    GROUPS = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions look at; `user`, `record` and `groups` are there for those that need them.

    `groups` are folded names.
    """

    service: str
    rhost: str | None
    tls: bool
    mechanism: str | None
    moment: datetime
    user: str = ""
    record: User | None = None
    groups: frozenset[str] = frozenset()


Test = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: as written, what it needs, and whether it holds; `names` are of groups."""

    text: str
    need: Need
    negated: bool
    test: Test
    names: tuple[str, ...] = ()

    def holds(self, facts: Facts) -> bool:
        """Return whether it holds; exactly one of a condition and its negation does."""
        return bool(self.test(facts)) is not self.negated

    def __str__(self) -> str:
        """Return it as it is written."""
        return self.text


def read_condition(text: str) -> tuple[str, Condition]:
    """Return the word of a condition, and the condition.

    Raises:
        ConditionError: if it makes no sense.

    """
    negated = text.startswith("!")
    word, equals, value = text.removeprefix("!").partition("=")
    row = WORDS.get(word)
    if row is None:
        raise ConditionError(f"unknown condition {word[:64]!r}", _cure(word))
    if row.read is None:
        if equals:
            raise ConditionError(f"condition {word!r} takes no value", f"write {word} or !{word}")
        return word, Condition(text, row.need, negated, row.look)
    if not value:
        raise ConditionError(f"condition {word!r} needs a value", f"write {row.usage}")
    if row.need is Need.GROUPS:
        items = [plain(piece) for piece in split(value, row.between)]
    else:
        pieces = value.split(",") if row.between == "," else split(value, row.between)
        items = [piece.strip() for piece in pieces]
    if not all(items):
        raise ConditionError(
            f"condition {word!r} has an empty item",
            f"remove the {row.between!r} that has nothing beside it",
        )
    try:
        matches = row.read(items)
    except ConditionError:
        raise
    except ValueError as error:
        raise ConditionError(f"condition {word!r}: {error}", f"write {row.usage}") from None
    names = tuple(items) if row.need is Need.GROUPS else ()
    return word, Condition(text, row.need, negated, lambda facts: matches(row.look(facts)), names)


def _cure(word: str) -> str:
    if word.rstrip("!") in WORDS:
        return f"write the ! before the word: !{word.rstrip('!')}"
    meant = closest(word[:64], WORDS)
    return f"did you mean {meant!r}?" if meant else f"use one of {', '.join(WORDS)}"


def _domains(facts: Facts) -> tuple[str, ...]:
    """Return the domains of a user: of the name, and of every address in the USERLIST.

    What was typed does not count where the USERLIST knows the user: no user
    changes domains by writing the name in another way.
    """
    addresses = facts.record.addresses if facts.record is not None else ()
    names = (facts.user, *addresses)
    return tuple(name.rpartition("@")[2] for name in names if "@" in name)


def _node_of(facts: Facts) -> tuple[str, ...]:
    return () if facts.record is None else facts.record.name.units


def _company_of(facts: Facts) -> tuple[str, ...]:
    record = facts.record
    return () if record is None or record.company_id is None else (record.name.ou1,)


@dataclass(frozen=True, slots=True)
class Word:
    """What a word looks at, what it needs, and how its items are read, if it has any."""

    usage: str
    need: Need
    look: Callable[[Facts], Any]
    read: Callable[[Sequence[str]], Callable[[Any], bool]] | None = None
    between: str = ","


def _one(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


WORDS: Mapping[str, Word] = {
    "tls": Word("tls", Need.ATTEMPT, lambda facts: facts.tls),
    "mechanism": Word(
        "mechanism=NAME,...", Need.ATTEMPT, lambda facts: _one(facts.mechanism), matching.patterns
    ),
    "service": Word(
        "service=NAME,...", Need.ATTEMPT, lambda facts: (facts.service,), matching.patterns
    ),
    "rhost": Word("rhost=NETWORK,...", Need.ATTEMPT, lambda facts: facts.rhost, matching.networks),
    "hour": Word("hour=FROM-TO,...", Need.ATTEMPT, lambda facts: facts.moment, matching.hours),
    "weekday": Word(
        "weekday=FROM-TO,...", Need.ATTEMPT, lambda facts: facts.moment, matching.weekdays
    ),
    "user": Word("user=NAME,...", Need.USER, lambda facts: (facts.user,), matching.patterns),
    "authid": Word(
        "authid=NAME,...",
        Need.RECORD,
        lambda facts: () if facts.record is None else (facts.record.authid,),
        matching.patterns,
    ),
    "domain": Word("domain=NAME,...", Need.RECORD, _domains, matching.patterns),
    "mail_node": Word("mail_node=NODE/...", Need.RECORD, _node_of, matching.nodes, between="/"),
    "company": Word("company=NAME,...", Need.RECORD, _company_of, matching.companies),
    "administrator": Word(
        "administrator",
        Need.RECORD,
        lambda facts: facts.record is not None and facts.record.administrates_server,
    ),
    "group": Word("group=NAME,...", Need.GROUPS, lambda facts: facts.groups, matching.groups),
}
"""Word -> its row; conditions are looked at in this order, so that the cheap ones come first."""
