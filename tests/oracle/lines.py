"""Random lines of service files, tidy or not.

What libpam itself cannot survive, or leaves to chance, is kept out:

* an include word without a file name, and `@include` or `include` that come back to
  their own file;
* in files that are read for one type, an `@include` that fails and a module or substack
  without a base name (both make libpam 1.5.2 use memory that was never set);
* jumps above INT_MAX;
* relative names of files and modules that we find and libpam does not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle import vocabulary as words
from tests.oracle.case import FOLDER


@dataclass(frozen=True, slots=True)
class Style:
    """How the files of one case are written; numbers are probabilities."""

    noise: float
    """Of an odd blank, a comment, a continuation, brackets around a field."""
    error: float
    """Of a line, a control or a module that makes no sense."""
    success: float
    """Of a module that succeeds."""
    including: float
    """Of a line that includes a file, if there is one."""
    asking: float
    """Of a module that asks who it is."""
    palette: Sequence[str]
    """The codes that modules answer and lists mention."""
    types: Sequence[str]
    """The types of the stacks that will be asked."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which file the lines are for: the service file and `other` have number 0.

    A file includes those with higher numbers, up to `last`; those in `broken`
    end unfinished. A `typed` file may be read for one type.
    """

    number: int
    last: int
    broken: frozenset[int] = frozenset()
    typed: bool = False


class LineWriter:
    """Writes the lines of one file."""

    def __init__(self, rng: random.Random, style: Style, place: Place) -> None:
        """Begin a file."""
        self._rng = rng
        self._style = style
        self._place = place
        self._recursive = False

    def line(self) -> str:
        """Return a line, perhaps of several physical ones."""
        if self._wrong():
            nameless = not self._place.typed and self._chance(0.04)
            return self._rng.choice(words.NAMELESS_LINES if nameless else words.BAD_LINES)
        if self._chance(self._style.including) and (line := self._inclusion()):
            return line
        line = self.entry(self._type())
        return self._cut(line) if self._noisy(0.3) else line

    def entry(self, kind: str) -> str:
        """Return a line with a module."""
        word = self._rng.choice(words.BAD_TYPES) if self._wrong() else self._cased(kind)
        dash = "-" if self._chance(0.08) else ""
        fields = [self._bracketed(f"{dash}{word}"), self._control(), *self._module(kind)]
        return self._joined(fields)

    def _inclusion(self) -> str:
        """Return a line that includes a file; empty if there is none to include."""
        word = self._rng.choices(("include", "substack", "@include"), (35, 45, 20))[0]
        name = self._included(word)
        if name is None:
            return ""
        fields = [self._cased(word), self._bracketed(f"{FOLDER}/{name}")]
        if name == words.ODD_NAME and self._chance(0.7):
            escaped = name.replace("]", "\\]")
            fields[1] = f"[{FOLDER}/{escaped}]"
        if word != "@include":
            kind = self._rng.choice(words.BAD_TYPES) if self._wrong() else self._cased(self._type())
            fields.insert(0, self._bracketed(kind))
        if self._chance(0.05) and fields[0][0] != "[":
            fields[0] = f"-{fields[0]}"
        if self._noisy(0.1):
            fields.append("pam_debug.so")
        return self._joined(fields, careful=True)

    def _included(self, word: str) -> str | None:
        """Return the name of a file to include."""
        place = self._place
        last = place.number == place.last
        if word == "substack" and place.typed and last and not self._recursive:
            # Two of these in one file would be read 2**15 times.
            self._recursive = self._chance(0.3)
            return f"i{place.number}" if self._recursive else None
        missing = 0.05 if word != "@include" else 0.0 if place.typed else 0.015
        if self._chance(missing):
            names = ["missing", "I1", "i1\r", "i1/x"]
            # It is a copy of the first file, so only those before that may include it.
            names += [words.ODD_NAME] if place.number == 0 else []
            # The folder itself reads as an empty file, but has no base name.
            return self._rng.choice(names if word == "substack" else [*names, ""])
        numbers = list(range(place.number + 1, place.last + 1))
        if word == "@include" and (place.typed or self._chance(0.8)):
            numbers = [number for number in numbers if number not in place.broken]
        names = [f"i{number}" for number in numbers]
        if word == "@include" and not place.typed:
            names += [f"u{number}" for number in range(place.number + 1, place.last + 1)]
        return self._rng.choice(names) if names else None

    def _control(self) -> str:
        """Return a control that asks for a module."""
        rng = self._rng
        if self._wrong():
            return rng.choice(words.BAD_CONTROLS)
        if self._chance(0.5):
            return self._bracketed(self._cased(rng.choice(words.CONTROLS)))
        pairs = [self._pair() for _ in range(rng.randint(1, 4))]
        if self._chance(0.7):
            # The module's success would count as bad otherwise.
            success = rng.choice(("ok", "ok", "done", "ignore", "1", self._action()))
            pairs.insert(rng.randint(0, len(pairs)), f"success={success}")
        if self._chance(0.6):
            pairs.insert(rng.randint(0, len(pairs)), f"default={self._action()}")
        return self._list(pairs)

    def _list(self, pairs: Sequence[str]) -> str:
        """Return `[code=action ...]`, with blanks of all kinds or none, or without brackets."""
        rng = self._rng
        if self._chance(0.08):
            glued = "".join(pairs)
            return rng.choice((glued, f"[{glued}]"))
        blanks = [" ", "\t", "  ", "\v", "\f", "\r", "\t \\\n"] if self._noisy() else [" "]
        text = f"{pairs[0]}{''.join(rng.choice(blanks) + pair for pair in pairs[1:])}"
        if self._noisy(0.4):
            text = rng.choice((f" {text} ", f"{text}\t", text.replace("=", " = "), f" \\\n{text}"))
        if self._noisy(0.05):
            return f"[{text}"
        return f"[{text}]" + ("" if self._noisy(0.2) else " ")

    def _pair(self) -> str:
        codes = self._style.palette if self._chance(0.85) else words.TOKENS
        return f"{self._rng.choice(codes)}={self._action()}"

    def _action(self) -> str:
        if self._chance(0.75):
            return self._rng.choice(words.ACTIONS)
        if self._chance(0.9):
            return str(self._rng.choices((1, 2, 3, 4), (8, 4, 1, 1))[0])
        return self._rng.choice(words.LARGE_JUMPS)

    def _module(self, kind: str) -> list[str]:
        """Return a module with its arguments."""
        if self._wrong():
            nameless = not self._place.typed and self._chance(0.08)
            bad = words.NAMELESS_MODULES if nameless else words.BAD_MODULES
            return [self._rng.choice(bad), *self._arguments(kind)]
        if self._chance(self._style.asking):
            return ["pam_localuser.so", f"file={FOLDER}/{words.USERS}"]
        name = self._rng.choices(words.MODULES, (80, 11, 7, 2, 0))[0]
        return [self._bracketed(f"{name}.so"), *self._arguments(kind)]

    def _arguments(self, kind: str) -> list[str]:
        """Return arguments, most of them for pam_debug."""
        rng = self._rng
        arguments = [
            f"{event}={self._answer()}" for event in words.EVENTS[kind] if self._chance(0.9)
        ]
        if self._chance(0.1):
            event = rng.choice(words.EVENTS[rng.choice(words.TYPES)])
            odd = rng.choice(words.odd_arguments(event, self._answer()))
            arguments.insert(rng.randint(0, len(arguments)), odd)
        return arguments

    def _answer(self) -> str:
        """Return the code that a module is to answer."""
        draw = self._rng.random()
        if draw < self._style.success:
            return "success"
        if draw < self._style.success + 0.04:
            return "incomplete"
        return self._rng.choice(self._style.palette)

    def _joined(self, fields: Sequence[str], *, careful: bool = False) -> str:
        """Join fields by blanks of all kinds; `careful` keeps the fields together."""
        text = self._rng.choice((" ", "\t", "  \t")) if self._noisy() else ""
        for index, word in enumerate(fields):
            text += (self._blank(careful=careful) if index else "") + word
        if self._noisy(0.3):
            return text + self._rng.choice((" ", "\t", " # x", "#x", " # \\", " \t#\t"))
        if self._noisy(0.08):
            ends = [" \\", "\\", "\\ \t", " \\\n", " \\\n# x", "\\\\"]
            # Two backslashes would leave one at the end of a file's name.
            return text + self._rng.choice(ends[:-1] if careful else ends)
        return text

    def _blank(self, *, careful: bool) -> str:
        """Return what stands between two fields."""
        if not self._noisy(0.7):
            return " "
        ways = [" ", "\t", "  ", "\t \t", " \\\n", "\\\n", " \\ \t\n\t", " \\\n \\\n"]
        if not careful:
            ways += [" \\\n# x\n", " \\\n\n  ", "\\\n \t\n# x\\\n", " \\\n \0x\n", " \\\0x\n"]
        if not careful and self._noisy(0.2):
            ways = ["\v", "\f", "\r", "\u00a0", "\\\\\n", " \\\r\n", "\\", " \\ ", "\\\\ \\\n"]
        return self._rng.choice(ways)

    def _cut(self, line: str) -> str:
        """Put something into the line that hides the rest, or seems to."""
        marks = ("#", " # x", "\0", "\0 \\", "# x \\", " \0\\", "\\", " \\ ")
        place = self._rng.choice((len(line), self._rng.randint(0, len(line))))
        before, after = line[:place], line[place:]
        # Nothing in brackets, or after a slash, would be a module without a name; `@includes`
        # would include; and a module's name without .so is one for us, but not for libpam.
        if before.endswith(("[", "/", "@include", *words.MODULES)):
            return line
        return f"{before}{self._rng.choice(marks)}{after}"

    def _cased(self, word: str) -> str:
        """Return the word, now and then in capitals or mixed."""
        if self._chance(0.9):
            return word
        return "".join(self._rng.choice((char, char.upper())) for char in word)

    def _bracketed(self, word: str) -> str:
        """Return the word, now and then in brackets."""
        return f"[{word}]" if word[0] != "[" and self._noisy(0.1) else word

    def _type(self) -> str:
        return self._rng.choice(self._style.types if self._chance(0.8) else words.TYPES)

    def _noisy(self, factor: float = 1) -> bool:
        return self._chance(self._style.noise * factor)

    def _wrong(self) -> bool:
        return self._chance(self._style.error)

    def _chance(self, probability: float) -> bool:
        return self._rng.random() < probability
