"""Random cases from a seed: service files of every shape, and random calls.

What libpam itself cannot survive, or leaves to chance, is kept out:

* an include word without a file name, and `@include` or `include` that come back to
  their own file;
* in files that are read for one type, an `@include` that fails and a module or substack
  without a base name (both make libpam 1.5.2 use memory that nobody has set);
* jumps above INT_MAX, and logical lines near the 1,024 bytes of its buffer;
* relative names of files and modules that we find and libpam does not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle.binding import CODES
from tests.oracle.case import FOLDER, OPERATIONS, Case

TOKENS = tuple(code.lower() for code in CODES)
# Type -> what pam_debug calls the operations of its modules.
EVENTS = {
    "auth": ("auth", "cred"),
    "account": ("acct",),
    "session": ("open_session", "close_session"),
    "password": ("prechauthtok", "chauthtok"),
}
TYPES_OF = {
    "authenticate": "auth",
    "setcred": "auth",
    "acct_mgmt": "account",
    "open_session": "session",
    "close_session": "session",
    "chauthtok": "password",
}
CONTROLS = ("required", "requisite", "sufficient", "optional")
ACTIONS = ("ignore", "ok", "done", "bad", "die", "reset")
LEGAL_FLAGS = (0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x8000)
PRELIM_CHECK, UPDATE_AUTHTOK = 0x4000, 0x2000
# The Kelvin sign and the long s are lower-cased to k and s by Unicode, not by C.
BAD_TYPES = (
    *("foo", "aut", "authh", "auth:", "-", "--auth", "@", "@includes", "required", "\\", "auth]"),
    *("pa\u017f\u017fword", "\u017fession", "\udcff", "auth\u00a0", "auth\v"),
)
BAD_CONTROLS = (
    *("mandatory", "requiredd", "require", "success", "success=", "=ok", "default", "required,"),
    *("Success=ok", "success=OK", "success=okay", "success=0", "success=00", "success=-1"),
    *("success=+1", "success=1a", "success=ok,default=bad", "success==ok", "success:ok"),
    *("sub\u017ftack", "substac\u212a", "success=\u00b2", "success=\u0661", "success\u00a0=ok"),
    *("[success=ok bogus=bad]", "[success=ok default]", "[default=ok=ok]", "[success ok]"),
    *("[success=ok\u00a0default=bad]", "[success=ok\udc85]", "[success=ok\x1cdefault=bad]"),
    *("[success=ok\\]default=bad]", "[required]x", "[Default=ok]", "[success=reset,]", "[ ]"),
    *("[success=ok;default=bad]", "[success=die default=1.5]", "[success=jump]", "[success=1 0]"),
)
BAD_MODULES = (
    *("pam_nonexist.so", "PAM_DEBUG.SO", "pam_debug.sox", "pam_debug.so]", "pam_debug.so,"),
    *("pam_debug.so\r", "pam_debug.so\v", "pam_permit.so\u00a0", "[pam_debug.so ]", "-", "\\"),
    *("/nonexist/pam_nonexist.so", "pam_nonexist/pam_debug.so", "[no such]", "pam_nonexist"),
)
NAMELESS_MODULES = ("[]", "?", ".so", "pam_nonexist/", "?.so", "/", "pam_nonexist/.so", "[")
BAD_LINES = (
    *("auth", "account required", "session", "password requisite", "-auth", "-session optional"),
    *("foo", "foo bar", "pam_debug.so", "\r", "\v", "\f", "\x85", "\u00a0", "]", "= =", "\\ x"),
    *("required pam_debug.so", "\udcff\udcfe", "auth required]", "-", "@ include x", "auth @include x"),
)
NAMELESS_LINES = ("[]", "[", "[] [] []", "auth []", "auth required []", "[auth] [required] [", "auth [")
LAST_FILE = 6
LONGEST_LINE = 900


@dataclass(slots=True)
class _Style:
    """How untidy the files of one case are: each number is a probability."""

    noise: float
    """Of an odd blank, a comment, a continuation, brackets around a field."""
    error: float
    """Of a line, a control or a module that makes no sense."""
    palette: Sequence[str]
    """The codes that modules answer and lists mention."""
    success: float
    types: Sequence[str]


_STYLES = ((0.02, 0.01, 5), (0.15, 0.03, 4), (0.4, 0.08, 2), (0.3, 0.25, 1))
"""Noise, error, and how often."""


def random_case(seed: int | str) -> Case:
    """Return the case of a seed: always the same one."""
    rng = random.Random(seed)
    ops = _ops(rng)
    noise, error, _ = rng.choices(_STYLES, [row[-1] for row in _STYLES])[0]
    palette = ["success", *rng.choices(TOKENS, k=rng.randint(1, 4))]
    palette += rng.choices(("ignore", "new_authtok_reqd", "auth_err", "user_unknown"), k=2)
    types = [TYPES_OF[op] for op, _ in ops]
    style = _Style(noise, error, palette, rng.choice((0.35, 0.55, 0.75)), types)
    answers = ("somebody",) if rng.random() < 0.5 else ()
    return Case(
        files=_files(rng, style),
        service=rng.choices(("t", "T", "/x/../t", "missing", "other"), (95, 1, 1, 1, 2))[0],
        user=rng.choices(("nobody", "", None), (94, 2, 4))[0],
        ops=ops,
        answers=answers,
    )


def _ops(rng: random.Random) -> tuple[tuple[str, int], ...]:
    pattern = rng.random()
    if pattern < 0.4:
        names = rng.choices(OPERATIONS, k=rng.randint(1, 6))
    elif pattern < 0.6:
        names = ["authenticate", "setcred"] * rng.randint(1, 2)
    elif pattern < 0.75:
        names = ["open_session", "close_session"] * rng.randint(1, 2)
    elif pattern < 0.85:
        names = list(OPERATIONS)
    else:
        names = [rng.choice(OPERATIONS)] * rng.randint(1, 3)
    return tuple((name, _flags(rng, name)) for name in names)


def _flags(rng: random.Random, name: str) -> int:
    if rng.random() < 0.7:
        return 0
    flags = 0
    for _ in range(rng.randint(1, 3)):
        flags |= rng.choice(LEGAL_FLAGS)
    # An application must not set these two; libpam says so for chauthtok only.
    if rng.random() < (0.15 if name == "chauthtok" else 0.05):
        flags |= rng.choice((PRELIM_CHECK, UPDATE_AUTHTOK, PRELIM_CHECK | UPDATE_AUTHTOK))
    return flags


def _files(rng: random.Random, style: _Style) -> dict[str, str]:
    """Make the service file, often `other`, and files to include, named by rising numbers.

    Files `i1` to `i6` are read for one type, or as a whole; `u1` to `u6` only as
    a whole. A file includes only those with higher numbers, or itself once as a substack.
    """
    if rng.random() < 0.02:
        return _chain(rng, style)
    last = rng.choice((0, 0, 1, 2, 3, LAST_FILE))
    files = {}
    broken = {number for number in range(1, last + 1) if rng.random() < 0.04}
    for number in range(last, 0, -1):
        files[f"i{number}"] = _File(rng, style, number, last, broken, typed=True).text()
        if rng.random() < 0.3:
            files[f"u{number}"] = _File(rng, style, number, last, broken).text()
    if rng.random() < 0.98:
        files["t"] = _File(rng, style, 0, last, broken).text()
    if rng.random() < 0.5:
        files["other"] = _File(rng, style, 0, last, broken, shortest=0).text()
    return files


def _chain(rng: random.Random, style: _Style) -> dict[str, str]:
    """Make files that include each other around the depth limits."""
    depth = rng.randint(13, 19)
    word = rng.choice(("include", "substack", "mixed"))
    kind = style.types[0]
    files = {}
    for number in range(depth):
        lines = [_File(rng, style, depth, depth, set(), typed=True).entry(kind)]
        how = rng.choice(("include", "substack")) if word == "mixed" else word
        lines.insert(rng.randint(0, 1), f"{kind} {how} {FOLDER}/i{number + 1}")
        files["t" if number == 0 else f"i{number}"] = "".join(f"{line}\n" for line in lines)
    files[f"i{depth}"] = _File(rng, style, depth, depth, set(), typed=True).entry(kind)
    return files


def _measure(text: str) -> tuple[int, bool]:
    """Return the bytes of the longest logical line, and whether the last one is to go on.

    The length is an upper bound: no comment is taken off.
    """
    longest = held = 0
    unfinished = False
    for line in text.replace(FOLDER, FOLDER * 6).split("\n"):
        visible = line.partition("\0")[0].strip(" \t")
        held += len(line.encode(errors="surrogateescape")) + 1
        longest = max(longest, held)
        if "#" not in visible and visible.endswith("\\"):
            unfinished = True
        elif visible and visible[0] != "#":
            unfinished = False
            held = 0
        elif not unfinished:
            held = 0
    return longest, unfinished


@dataclass(slots=True)
class _File:
    """One file on its way."""

    rng: random.Random
    style: _Style
    number: int
    last: int
    broken: set[int]
    typed: bool = False
    shortest: int = 1
    recursive: bool = False

    def text(self) -> str:
        """Return the text of the file."""
        while True:
            self.recursive = False
            text = self.draft()
            longest, unfinished = _measure(text)
            # Unfinished service files are refused as a whole: a few of these are enough.
            wanted = self.number in self.broken if self.typed else self.rng.random() < 0.1
            if longest <= LONGEST_LINE and unfinished <= wanted:
                return text

    def draft(self) -> str:
        """Return a text that may be too long or unfinished."""
        rng = self.rng
        newline = "\r\n" if rng.random() < self.style.error / 4 and not self.typed else "\n"
        lines = []
        for _ in range(rng.randint(self.shortest, 5)):
            if self.noisy(0.4):
                lines.append(self.nothing())
            lines.append(self.line())
        if self.number == 0:
            # Most calls then find a stack of their own.
            lines += [self.entry(kind) for kind in dict.fromkeys(self.style.types)]
            rng.shuffle(lines)
        text = "".join(f"{line}{newline}" for line in lines)
        if self.number in self.broken:
            text += rng.choice(("auth required \\", "auth \\\n", "\\\n# c", "session optional x \\\n\n"))
        elif rng.random() < 0.1 and text.endswith("\n"):
            text = text[:-1]
        return text

    def noisy(self, factor: float = 1) -> bool:
        """Return whether to make noise here."""
        return self.rng.random() < self.style.noise * factor

    def wrong(self) -> bool:
        """Return whether to make a mistake here."""
        return self.rng.random() < self.style.error

    def nothing(self) -> str:
        """Return a line that says nothing, whatever stands before it."""
        return self.rng.choice(
            ("", "   ", "\t", "# x", " \t# x", "#x \\", "# auth required pam_deny.so", "#", "##\\"),
        )

    def line(self) -> str:
        """Return a line, perhaps of several physical ones."""
        rng = self.rng
        if self.wrong():
            return rng.choice(BAD_LINES if self.typed or rng.random() < 0.96 else NAMELESS_LINES)
        if rng.random() < 0.25 and (line := self.inclusion()):
            return line
        line = self.entry(rng.choice(self.style.types) if rng.random() < 0.8 else rng.choice([*EVENTS]))
        if self.noisy(0.3):
            line = self.cut(line)
        return line

    def cut(self, line: str) -> str:
        """Put something into the line that hides the rest, or seems to."""
        mark = self.rng.choice(("#", " # x", "\0", "\0 \\", "# x \\", " \0\\", "\\", " \\ "))
        place = self.rng.choice((len(line), self.rng.randint(0, len(line))))
        before, after = line[:place], line[place:]
        # A bracket that holds nothing would be a module without a name.
        if before.endswith("[") or before.rstrip().endswith("include"):
            return line
        return f"{before}{mark}{after}"

    def entry(self, kind: str) -> str:
        """Return a line with a module."""
        rng = self.rng
        word = rng.choice(BAD_TYPES) if self.wrong() else self.cased(kind)
        dash = "-" if rng.random() < 0.08 else ""
        fields = [self.bracketed(f"{dash}{word}"), self.control()]
        fields += self.module(kind)
        return self.joined(fields)

    def joined(self, fields: Sequence[str], *, careful: bool = False) -> str:
        """Join fields by blanks of all kinds; `careful` keeps the fields together."""
        text = self.rng.choice((" ", "\t", "  \t")) if self.noisy() else ""
        for index, word in enumerate(fields):
            text += (self.blank(careful=careful) if index else "") + word
        if self.noisy(0.3):
            text += self.rng.choice((" ", "\t", " # x", "#x", " # \\", " \t#\t"))
        elif self.noisy(0.08):
            ways = (" \\", "\\", "\\ \t", " \\\n", " \\\n# x") + (() if careful else ("\\\\",))
            text += self.rng.choice(ways)
        return text

    def blank(self, *, careful: bool) -> str:
        """Return what stands between two fields."""
        if not self.noisy(0.7):
            return " "
        ways = [" ", "\t", "  ", "\t \t", " \\\n", "\\\n", " \\ \t\n\t", " \\\n \\\n"]
        if not careful:
            ways += [" \\\n# x\n", " \\\n\n  ", "\\\n \t\n# x\\\n", " \\\n \0x\n", " \\\0x\n"]
        if not careful and self.noisy(0.2):
            ways = ["\v", "\f", "\r", "\u00a0", "\\\\\n", " \\\r\n", "\\", " \\ ", "\\\\ \\\n"]
        return self.rng.choice(ways)

    def cased(self, word: str) -> str:
        """Return the word, now and then in capitals or mixed."""
        if self.rng.random() < 0.9:
            return word
        return "".join(self.rng.choice((char, char.upper())) for char in word)

    def bracketed(self, word: str) -> str:
        """Return the word, now and then in brackets."""
        return f"[{word}]" if word and word[0] != "[" and self.noisy(0.1) else word

    def control(self) -> str:
        """Return a control that asks for a module."""
        rng = self.rng
        if self.wrong():
            return rng.choice(BAD_CONTROLS)
        if rng.random() < 0.5:
            return self.bracketed(self.cased(rng.choice(CONTROLS)))
        pairs = [self.pair() for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.7:
            # The module's success would count as bad otherwise.
            success = rng.choice(("ok", "ok", "done", "ignore", "1", self.action()))
            pairs.insert(rng.randint(0, len(pairs)), f"success={success}")
        if rng.random() < 0.6:
            pairs.insert(rng.randint(0, len(pairs)), f"default={self.action()}")
        way = rng.random()
        if way < 0.05:
            return "".join(pairs).replace(" ", "")
        if way < 0.08:
            return f"[{''.join(pairs)}]"
        blanks = (" ", "\t", "  ", "\v", "\f", "\r", "\t \\\n") if self.noisy() else (" ",)
        text = f"{pairs[0]}{''.join(rng.choice(blanks) + pair for pair in pairs[1:])}"
        if self.noisy(0.4):
            text = rng.choice((f" {text} ", f"{text}\t", text.replace("=", " = "), f"\n{text}"))
            text = text.replace("\n", " \\\n")
        if self.noisy(0.05):
            return f"[{text}"
        return f"[{text}]" + ("" if self.noisy(0.2) else " ")

    def pair(self) -> str:
        """Return `code=action`."""
        codes = self.style.palette if self.rng.random() < 0.85 else TOKENS
        return f"{self.rng.choice(codes)}={self.action()}"

    def action(self) -> str:
        """Return an action."""
        rng = self.rng
        if rng.random() < 0.75:
            return rng.choice(ACTIONS)
        if rng.random() < 0.9:
            return str(rng.choices((1, 2, 3, 4), (8, 4, 1, 1))[0])
        return rng.choice(("5", "9", "01", "007", "100", "65536", "2147483647"))

    def module(self, kind: str) -> list[str]:
        """Return a module with its arguments."""
        rng = self.rng
        if self.wrong():
            nameless = not self.typed and rng.random() < 0.08
            return [rng.choice(NAMELESS_MODULES if nameless else BAD_MODULES), *self.arguments(kind)]
        name = rng.choices(("pam_debug.so", "pam_permit.so", "pam_deny.so"), (80, 12, 8))[0]
        if rng.random() < 0.02:
            name = "pam_nonexist.so"
        return [self.bracketed(name), *self.arguments(kind)]

    def arguments(self, kind: str) -> list[str]:
        """Return arguments, most of them for pam_debug."""
        rng = self.rng
        words = []
        for event in EVENTS[kind]:
            if rng.random() < 0.9:
                words.append(f"{event}={self.answer()}")
        if rng.random() < 0.1:
            event = rng.choice([event for events in EVENTS.values() for event in events])
            odd = ("debug", f"{event}={self.answer()}", f"{event}=default", f"{event}=SUCCESS")
            odd += (event, f"{event}=", f"{event.upper()}=abort", f"{event}=abort=", "=", "x=success")
            odd += (f"{event}x=abort", f"[{event}={self.answer()}]", f"[{event}=abort ]", "[a\\]b]")
            odd += (f"{event}=auth_err]", f"[{event}={self.answer()}", "[x y]", "\\", "a\\b", "[a]b")
            words.insert(rng.randint(0, len(words)), rng.choice(odd))
        return words

    def answer(self) -> str:
        """Return the code that a module is to answer."""
        draw = self.rng.random()
        if draw < self.style.success:
            return "success"
        if draw < self.style.success + 0.04:
            return "incomplete"
        return self.rng.choice(self.style.palette)

    def inclusion(self) -> str:
        """Return a line that includes a file; empty if there is none to include."""
        rng = self.rng
        kind = self.cased(rng.choice(self.style.types if rng.random() < 0.8 else [*EVENTS]))
        kind = rng.choice(BAD_TYPES) if self.wrong() else kind
        word = rng.choices(("include", "substack", "@include"), (35, 45, 20))[0]
        names = [f"i{number}" for number in range(self.number + 1, self.last + 1)]
        if word == "@include" and self.typed:
            names = [name for name in names if int(name[1:]) not in self.broken]
        elif word == "@include":
            if rng.random() < 0.8:
                names = [name for name in names if int(name[1:]) not in self.broken]
            names += [f"u{number}" for number in range(self.number + 1, self.last + 1)]
        if word == "substack" and self.number and not self.recursive and rng.random() < 0.1:
            self.recursive = True
            name = f"i{self.number}" if self.typed else f"u{self.number}"
        elif rng.random() < 0.04 and (word != "@include" or (not self.typed and rng.random() < 0.3)):
            name = rng.choice(("missing", "I1", "i1\r", "", "i1/x"))
            name = "missing" if word == "substack" and not name else name
        elif names:
            name = rng.choice(names)
        else:
            return ""
        fields = [self.bracketed(f"{FOLDER}/{name}")]
        if self.noisy(0.1):
            fields.append("pam_debug.so")
        # A type in brackets is as good, and so is one without a module's errors logged.
        head = [self.cased(word)] if word == "@include" else [self.bracketed(kind), self.cased(word)]
        head[0] = f"-{head[0]}" if rng.random() < 0.05 and head[0][0] != "[" else head[0]
        return self.joined([*head, *fields], careful=True)
