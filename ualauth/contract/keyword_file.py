"""Reading a file of keywords for a module: what it gives, and every mistake with its place.

What may have a secret in it is never shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ualauth.contract.module import Files
from ualauth.sources.files import FileRules, Missing, Text, Unusable
from ualauth.sources.keywords import Keyword, Line
from ualauth.sources.opening import inspect
from ualauth.sources.page import Page, Token
from ualauth.sources.problem import Problem, Source
from ualauth.sources.values import hint

PUBLIC = "every user of this host can read the password in it"
NO_READ = "run: chmod o-r on it"
_LIKE_SECRET = ("pw", "pas", "secret", "cred")


@dataclass(slots=True)
class Given:
    """What the lines gave: values by keyword, and the line of each."""

    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any keyword's value
        """Return the value of a keyword, if it was given and could be read."""
        return self.values.get(name, default)

    def __contains__(self, name: str) -> bool:
        """Return whether a keyword has a value."""
        return name in self.values


class KeywordFile:
    """One file, and what is wrong with it; other files are read by `files`."""

    def __init__(
        self,
        file: Text,
        files: Files,
        keywords: Mapping[str, Keyword],
        secrets: frozenset[str],
    ) -> None:
        """Begin with no problem; the lines of the keywords in `secrets` are never shown."""
        self.file = file
        self.files = files
        self.problems: list[Problem] = []
        self._keywords = keywords
        self._secrets = secrets
        self._page = Page(file.path, file.text)

    @property
    def public(self) -> bool:
        """Whether every user of the host may read the file."""
        return self.file.public

    @property
    def is_usable(self) -> bool:
        """Whether nothing is wrong by now, but for what is only warned of."""
        return all(problem.warning for problem in self.problems)

    def read_lines(self, lines: Iterable[Line]) -> Given:
        """Return what the lines give."""
        given = Given()
        for line in lines:
            name = line.name
            keyword = self._keywords.get(name)
            if keyword is None:
                text = f"unknown keyword {line.keyword.text[:64]!r}"
                self.at(line.keyword, text, self.cure_of(line) or hint(name[:64], self._keywords))
            elif name in given.lines and not keyword.many:
                first = given.lines[name].keyword.line
                self.at(line.keyword, f"{name} stands in line {first}, too", "remove one of them")
            elif not line.value.text:
                self.at(line.keyword, f"{name} has no value", f"write {name} {keyword.usage}")
                given.lines.setdefault(name, line)
            else:
                given.lines.setdefault(name, line)
                self._read_value(given, keyword, line)
        return given

    def _read_value(self, given: Given, keyword: Keyword, line: Line) -> None:
        name = line.name
        try:
            value = keyword.read(_legible(line.value.text, keyword))
        except ValueError as error:
            text, _, cure = str(error).partition("\n")
            self.at(line.value, f"{name}: {text}", cure or f"write {keyword.usage}")
            return
        if keyword.many:
            value = (*given.get(name, ()), *(value if keyword.several else (value,)))
        given.values[name] = value

    def cure_of(self, line: Line) -> str | None:  # noqa: ARG002 - for those who know others' files
        """Return what to do about a keyword that is not known, if that is known."""
        return None

    # Files that are named

    def password(self, given: Given, name: str) -> str:
        """Return the password in the first line of the file that a keyword names; empty without."""
        file = self.named(given, name)
        if file is None:
            return ""
        if file.public:
            self.say(given, name, PUBLIC, NO_READ)
        first = file.text.split("\n", 1)[0].rstrip("\r")
        if not first or "\0" in first or not first.isprintable():
            text, cure = "its first line is no password", "write the password in the first line"
            self.say(given, name, text, cure)
        return first

    def certificate(self, given: Given, name: str) -> str:
        """Return the path of the certificates, or the key, that a keyword names; empty without."""
        file = self.named(given, name)
        if file is None:
            return ""
        if "-----BEGIN " not in file.text:
            self.say(given, name, "it has no certificate or key in PEM", "convert it to PEM")
        if file.public and "PRIVATE KEY-----" in file.text:
            self.say(given, name, "every user of this host can read the key in it", NO_READ)
        return file.path

    def folder(self, given: Given, name: str) -> None:
        """Check a folder of certificates: what is there says which servers are real."""
        if name in given:
            match inspect(given.values[name], FileRules(folder=True), self.home):
                case Missing(path):
                    self.say(given, name, f"there is no folder {path}", "correct the path")
                case Unusable(path, reason, cure):
                    self.say(given, name, f"{path} {reason}", cure)

    @property
    def home(self) -> str:
        """The folder of the file."""
        return os.path.dirname(self.file.path)  # noqa: PTH120 - a path as text

    def named(self, given: Given, name: str) -> Text | None:
        """Return the file that a keyword names, if it can be read."""
        if name not in given:
            return None
        match self.files.read(given.values[name]):
            case Missing(path):
                self.say(given, name, f"there is no file {path}", "correct the path")
            case Unusable(path, reason, cure):
                self.say(given, name, f"{path} {reason}", cure)
            case file:
                return file
        return None

    # Problems

    def lack(self, text: str, cure: str) -> None:
        """Report something that the file does not say at all."""
        self.problems.append(Problem(Source(self.file.path, 1, 1), text, cure))

    def say(self, given: Given, name: str, text: str, cure: str, *, warning: bool = False) -> None:
        """Report something about a keyword, at its value."""
        line = given.lines.get(name) or next(iter(given.lines.values()), None)
        at = Token("", 1, 1) if line is None else line.value if name in given else line.keyword
        if name in self._secrets and line is not None:
            at = line.keyword
        self.at(at, text, cure, warning=warning)

    def at(self, token: Token, text: str, cure: str, *, warning: bool = False) -> None:
        """Report something at a place."""
        problem = self._page.problem(token, text, cure, warning=warning)
        if self._has_secret(token.line):
            problem = Problem(problem.source, text, cure, warning=warning)
        self.problems.append(problem)

    def knows_other(self, name: str) -> bool:  # noqa: ARG002 - as `cure_of`
        """Return whether a keyword is one of another program's files, and has no secret."""
        return False

    def _has_secret(self, number: int) -> bool:
        """Return whether a line may have a password: so may one whose keyword is misspelt."""
        content = self.file.lines[number - 1].split()
        name = content[0].lower() if content else ""
        if name in self._keywords or self.knows_other(name):
            return name in self._secrets
        return any(each in name for each in _LIKE_SECRET)


def read_file(path: str, files: Files, cure: str) -> Text | Problem:
    """Return a file of keywords, or what is wrong; `cure` is for one that is not there."""
    match files.read(path):
        case Missing(where):
            return Problem(Source(where, 1, 1), "there is no such file", cure)
        case Unusable(where, reason, its_cure):
            return Problem(Source(where, 1, 1), f"the file {reason}", its_cure)
        case file:
            return file


def _legible(text: str, keyword: Keyword) -> str:
    """Return a text that can be sent.

    Raises:
        ValueError: if it is no UTF-8, or has what cannot be seen.

    """
    looked_at = text.replace("\n", "").replace("\t", "") if keyword.long else text
    if not looked_at.isprintable():
        # So are the surrogates that stand for what is no UTF-8.
        raise ValueError("there are octets that are no text\nwrite the file as UTF-8")
    return text
