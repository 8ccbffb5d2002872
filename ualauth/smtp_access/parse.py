"""The text of `smtpd.cfg` becomes rules, and every mistake in it a problem.

    EVENT ACTION PATTERN
    DELEGATE AUTHID ADDRESS        an extension: a user who may send as others
    SMTPFILTER=TRUE
    COMPANY NAME                   an extension: what follows is for users of a hosted company
    GROUP NAME                     an extension: what follows is for the members of a group

Words of the language are read in any case.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ualauth.smtp_access.events import Action, Event
from ualauth.smtp_access.host_patterns import (
    AnyHost,
    HostWildcard,
    PatternError,
    read_host_pattern,
)
from ualauth.smtp_access.mailbox_patterns import AnyMailbox, read_mailbox_pattern
from ualauth.smtp_access.rules import EVERY_USER, Delegation, Rule, Rules
from ualauth.smtp_access.syntax import lines
from ualauth.sources.page import Line, Page, Token
from ualauth.sources.problem import Problem
from ualauth.sources.values import hint
from ualauth.text.folding import fold

DELEGATE = "DELEGATE"
FILTER = "SMTPFILTER"
COMPANY = "COMPANY"
GROUP = "GROUP"
_OTHER_LINES = (DELEGATE, f"{FILTER}=TRUE")
_BEFORE_LOGIN = frozenset({Event.SUBMIT, Event.ANONYMOUS})
"""Events of clients that are not authenticated, or not yet."""
_SECTIONS = {COMPANY: "this company", GROUP: "this group"}
"""Words that begin the rules of some users, and of whom."""
_BEFORE_SECTIONS = f"put it before the first {COMPANY} or {GROUP}"
_EVENTS = {event.value: event for event in Event}
_ACTIONS = {str(action): action for action in Action}
_NEVER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BYTE_ORDER_MARK = "\ufeff"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file says, and what is wrong with it; with an error, the rules are not all."""

    rules: Rules
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        """Whether there is nothing worse than a warning."""
        return all(problem.warning for problem in self.problems)


def parse(path: str, text: str) -> Parsed:
    """Read the text of the file `path`; never raises."""
    # Editors that put it there do not show it.
    plain = text.removeprefix(_BYTE_ORDER_MARK)
    reader = _Reader(Page(path, plain))
    for line in lines(plain):
        reader.read(line)
    return Parsed(reader.finished(), tuple(reader.problems))


class _Section:
    """What is read for all users, or for those of one company or group."""

    def __init__(self, line: int = 0) -> None:
        self.line = line
        self.rules: list[Rule] = []
        self.delegations: list[Delegation] = []
        self.seen: dict[tuple[Event, object], int] = {}
        self.catch_all: dict[Event, int] = {}

    def finished(self) -> Rules:
        """Return the rules, once all lines are read."""
        return Rules(tuple(self.rules), tuple(self.delegations))


class _Reader:
    """Reads line after line; keeps what it found."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.filters = False
        self.problems: list[Problem] = []
        self._of_server = self._section = _Section()
        self._sections: dict[str, dict[str, _Section]] = {word: {} for word in _SECTIONS}

    def finished(self) -> Rules:
        """Return the rules, once all lines are read."""
        companies, groups = (
            {name: section.finished() for name, section in self._sections[word].items()}
            for word in (COMPANY, GROUP)
        )
        return dataclasses.replace(
            self._of_server.finished(), filters=self.filters, companies=companies, groups=groups
        )

    def read(self, line: Line) -> None:
        first, *others = line.tokens
        unreadable = [token for token in line.tokens if self._is_unreadable(token)]
        if unreadable:
            return
        keyword, equals, value = first.text.upper().partition("=")
        if keyword == FILTER:
            self._read_filter(first, others, value if equals else None)
        elif keyword == DELEGATE and not equals:
            self._read_delegation(line)
        elif keyword in _SECTIONS and not equals:
            self._begin_section(keyword, line)
        else:
            self._read_rule(line)

    # The four kinds of lines

    def _begin_section(self, keyword: str, line: Line) -> None:
        words, usage, sections = line.tokens, f"{keyword} NAME", self._sections[keyword]
        if len(words) < 2:
            end = self.page.end(line.number)
            self._problem(end, "the name is missing", f"write {usage}")
            return
        if len(words) > 2:
            text = f"{words[2].text[:64]!r} is one word too many"
            cure = f"write {usage}, and a comment after #"
            if keyword == GROUP:
                cure = f'{cure}; a name with blanks stands in quotes: {GROUP} "sales team"'
            self._problem(words[2], text, cure)
        name = fold(_unquoted(words[1].text))
        if name in sections:
            text = f"line {sections[name].line} begins the rules of {_SECTIONS[keyword]}"
            self._problem(words[1], text, "write them in one place")
        self._section = sections.setdefault(name, _Section(line.number))

    def _read_filter(self, first: Token, others: Sequence[Token], value: str | None) -> None:
        if value != "TRUE" or others:
            text = f"{FILTER} has no other value than TRUE, without blanks around the ="
            self._problem(first, text, f"write {FILTER}=TRUE, or leave the line out")
        elif self._section is not self._of_server:
            text = f"{FILTER} is for all users, and not for a company or group"
            self._problem(first, text, _BEFORE_SECTIONS)
        elif self.filters:
            self._problem(first, f"{FILTER}=TRUE stands there already", "remove it", warning=True)
        self.filters = True

    def _read_rule(self, line: Line) -> None:
        words = line.tokens
        event = self._choice(words[0], words[0].text.upper(), _EVENTS, _OTHER_LINES)
        # What is missing is told once, and what is there is looked at all the same.
        complete = self._count(line, "EVENT ACTION PATTERN")
        action = None
        if len(words) > 1:
            action = self._choice(words[1], words[1].text.capitalize(), _ACTIONS)
        if event is None or len(words) < 3:
            return
        read = read_mailbox_pattern if event.takes_address else read_host_pattern
        pattern = self._pattern(words[2], read)
        if pattern is None or action is None or not complete:
            return
        if event in _BEFORE_LOGIN and self._section is not self._of_server:
            text = f"{event.value} is of clients whose user is not known"
            self._problem(words[0], text, _BEFORE_SECTIONS)
            return
        source = self.page.source(words[0])
        self._section.rules.append(Rule(event, action, words[2].text, source, pattern))
        self._advise(event, action, pattern, words)

    def _read_delegation(self, line: Line) -> None:
        words = line.tokens
        complete = self._count(line, f"{DELEGATE} AUTHID ADDRESS")
        pattern = self._pattern(words[2], read_mailbox_pattern) if len(words) > 2 else None
        if pattern is None or not complete:
            return
        user = _unquoted(words[1].text)
        if "*" in user and user != EVERY_USER:
            cure = "name one user, or * for every user who is authenticated"
            self._problem(words[1], f"{user!r} is no authid", cure)
            return
        source = self.page.source(words[0])
        self._section.delegations.append(Delegation(fold(user), pattern, source))

    # Words

    def _is_unreadable(self, token: Token) -> bool:
        match = _NEVER.search(token.text)
        if match:
            shown = Token(" ", token.line, token.column + match.start())
            text = f"the character U+{ord(match[0]):04X} cannot stand here"
            self._problem(shown, text, "remove it")
        elif _SURROGATE.search(token.text):
            self._problem(token, "this is not UTF-8", "save the file as UTF-8")
        else:
            return False
        return True

    def _choice(
        self,
        token: Token,
        word: str,
        choices: Mapping[str, T],
        others: Sequence[str] = (),
    ) -> T | None:
        """Return what a word chooses; `word` is the token as the choices are written."""
        chosen = choices.get(word)
        if chosen is None:
            noun = "event" if others else "action"
            text = f"unknown {noun} {token.text[:64]!r}"
            self._problem(token, text, hint(word[:64], [*choices, *others]))
        return chosen

    def _count(self, line: Line, usage: str) -> bool:
        words = line.tokens
        if len(words) < 3:
            missing = usage.split()[len(words)].lower()
            self._problem(self.page.end(line.number), f"the {missing} is missing", f"write {usage}")
        elif len(words) > 3:
            cure = f"write {usage}, and a comment after #"
            self._problem(words[3], f"{words[3].text[:64]!r} is one word too many", cure)
        return len(words) == 3

    def _pattern(self, token: Token, read: Callable[[str], T]) -> T | None:
        try:
            return read(token.text)
        except PatternError as error:
            self._problem(token, str(error), error.cure)
            return None

    # Advice

    def _advise(
        self, event: Event, action: Action, pattern: object, words: Sequence[Token]
    ) -> None:
        """Say what is legal, and surely not meant."""
        number = words[0].line
        section = self._section
        earlier = section.catch_all.get(event, section.seen.get((event, pattern)))
        if earlier is not None:
            text = f"this rule is never used: line {earlier} decides before it"
            self._problem(words[0], text, "remove it, or put it first", warning=True)
        section.seen.setdefault((event, pattern), number)
        if isinstance(pattern, AnyHost | AnyMailbox):
            section.catch_all.setdefault(event, number)
        if action is Action.HEADER and not event.has_header:
            text = f"{event.value} has no header, so this is the same as Accept"
            self._problem(words[1], text, "write Accept", warning=True)
        is_for_all = section is self._of_server
        if is_for_all and event is Event.RELAY and not action.refuses and _is_everything(pattern):
            text = "this lets every client send anywhere: an open relay"
            cure = "name your own hosts and domains"
            self._problem(words[2], text, cure, warning=True)

    def _problem(self, token: Token, text: str, cure: str, *, warning: bool = False) -> None:
        self.problems.append(self.page.problem(token, text, cure, warning=warning))


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


def _is_everything(pattern: object) -> bool:
    """Return whether a pattern of hosts leaves no host out, or nearly none."""
    match pattern:
        case AnyHost():
            return True
        case HostWildcard(text):
            return not any(map(str.isalnum, text))
        case _:
            return getattr(pattern, "prefixlen", None) == 0
