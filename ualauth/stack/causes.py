"""What editors, web pages and other PAMs do to a file: one cause, in place of its many effects.

What the file means is not changed: libpam refuses it, and so does this library.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from ualauth.sources.page import Line, Page, Token
from ualauth.sources.problem import Problem

_TYPES = frozenset({"auth", "account", "session", "password"})
_INCLUDING = frozenset({"include", "substack"})
_BLANKS = " \t"


def with_causes(
    page: Page, text: str, lines: Sequence[Line], problems: Sequence[Problem]
) -> Sequence[Problem]:
    """Return the problems of a file by their lines, with one cause in place of what comes of it."""
    return sorted(
        _with_causes(page, text, lines, problems), key=lambda problem: problem.source.line
    )


def _with_causes(
    page: Page, text: str, lines: Sequence[Line], problems: Sequence[Problem]
) -> Iterator[Problem]:
    if (cause := _of_file(page, text, lines)) is not None:
        token, why, cure = cause
        harmless = all(problem.warning for problem in problems)
        yield page.problem(token, why, cure, warning=harmless)
        if not harmless:
            return
    physical = text.split("\n")
    starts = [line.number for line in lines]
    of_lines: dict[int, list[Problem]] = {}
    for problem in problems:
        of_lines.setdefault(bisect_right(starts, problem.source.line) - 1, []).append(problem)
    for number, (token, why, cure) in _torn(physical):
        index = bisect_right(starts, number) - 1
        effects = of_lines.pop(index, [])
        if index + 1 < len(lines) and not _has_type(lines[index + 1]):
            effects += of_lines.pop(index + 1, [])
        harmless = all(problem.warning for problem in effects)
        yield page.problem(token, why, cure, warning=harmless)
    for index, of_line in of_lines.items():
        wrong = index >= 0 and any(not problem.warning for problem in of_line)
        looks = (look(lines[index], physical) for look in _OF_LINES) if wrong else ()
        cause_of_line = next(filter(None, looks), None)
        if cause_of_line is None:
            yield from of_line
        else:
            token, why, cure = cause_of_line
            yield page.problem(token, why, cure)
    for token, why, cure in _comments(physical):
        yield page.problem(token, why, cure, warning=True)


Cause = tuple[Token, str, str]
"""Where, what is wrong, and the cure."""


def _of_file(page: Page, text: str, lines: Sequence[Line]) -> Cause | None:
    tokens = [token for line in lines for token in line.tokens]
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        why = "the file holds NUL characters, as a text in UTF-16 does"
        return Token("", line, 1), why, f"save it as UTF-8: iconv -f UTF-16 -t UTF-8 {page.path}"
    if text.startswith("\ufeff"):
        why = "the file begins with a byte order mark, which is part of its first word"
        return (
            Token("\ufeff", 1, 1),
            why,
            rf"save it without: sed -i '1s/^\xef\xbb\xbf//' {page.path}",
        )
    token = next((token for token in tokens if "\r" in token.text), None)
    if token is not None:
        if "\r\n" in text:
            why = "lines end in CR LF, as Windows writes them: the CR is part of the last word"
            return token, why, rf"remove it: sed -i 's/\r$//' {page.path}"
        where = Token("\r", token.line, token.column + token.text.index("\r"))
        why = "a carriage return (CR) ends no line: it is part of the word"
        cure = f"write line feeds: tr '\\r' '\\n' < {page.path} > FILE"
        return where, why, cure
    return None


def _strange_sign(line: Line, _physical: Sequence[str]) -> Cause | None:
    """A blank that is none to PAM, as from a web page; what text processors make of a sign."""
    import unicodedata  # noqa: PLC0415 - few files need it

    for token in line.tokens:
        for offset, char in enumerate(token.text):
            kind = unicodedata.category(char)
            strange = _STRANGE.get(kind)
            within = kind.startswith("P") and 0 < offset < len(token.text) - 1
            if strange is None or within or (char.isascii() and char not in "\v\f"):
                continue
            name = unicodedata.name(char, "a character that is not seen").lower()
            where = Token(char, token.line, token.column + offset)
            why, cure = strange
            return where, f"{name} (U+{ord(char):04X}) {why}", cure
    return None


_SEPARATES_NOTHING = "separates no words", "write a space"
_QUOTES = "is part of the word: PAM knows no quotes", "remove it"
_STRANGE = {
    "Zs": _SEPARATES_NOTHING,
    "Zl": _SEPARATES_NOTHING,
    "Zp": _SEPARATES_NOTHING,
    "Cc": _SEPARATES_NOTHING,
    "Cf": ("is not seen, and is part of the word", "remove it, or write a space"),
    "Pi": _QUOTES,
    "Pf": _QUOTES,
    "Pd": ("is no hyphen", "write -"),
}
"""Unicode's category of a character -> what is wrong with it, and the cure."""


def _form_of_pam_conf(line: Line, _physical: Sequence[str]) -> Cause | None:
    """A line that begins with the name of a service, as in pam.conf(5)."""
    words = [token.text.lower() for token in line.tokens[:2]]
    if len(words) == 2 and words[0] not in _TYPES and words[1].removeprefix("-") in _TYPES:
        why = "this is the form of /etc/pam.conf: here, the file is named like the service"
        return line.tokens[0], why, f"remove {line.tokens[0].text[:64]!r}"
    return None


def _include_without_type(line: Line, _physical: Sequence[str]) -> Cause | None:
    """An include that does not say of which type."""
    words = [token.text for token in line.tokens]
    if len(words) == 2 and words[0].lower() in _INCLUDING:
        why = f"{words[0]} stands after a type: auth, account, session or password"
        return line.tokens[0], why, f"write @include {words[1]}, or auth {words[0]} {words[1]}"
    return None


def _open_bracket(line: Line, physical: Sequence[str]) -> Cause | None:
    """A bracket that is not closed, which takes the rest of the line."""
    for token in line.tokens:
        rest = physical[token.line - 1][token.column - 1 :]
        goes_on = rest.rstrip().endswith("\\")
        if rest.startswith("[") and "]" not in rest and not goes_on:
            return Token("[", token.line, token.column), "the bracket is not closed", "add ]"
    return None


_OF_LINES: tuple[Callable[[Line, Sequence[str]], Cause | None], ...] = (
    _strange_sign,
    _open_bracket,
    _form_of_pam_conf,
    _include_without_type,
)


def _has_type(line: Line) -> bool:
    return bool(line.tokens) and line.tokens[0].text.lower().removeprefix("-") in _TYPES


def _torn(physical: Sequence[str]) -> Iterator[tuple[int, Cause]]:
    """Find comments that end a line that was to go on, each with the number of that line."""
    goes_on = False
    for number, line in enumerate(physical, 1):
        before, sign, _ = line.partition("#")
        if sign and not before.strip() and goes_on:
            why = f"line {number - 1} goes on here, and this comment ends it"
            where = Token(line[len(before) :], number, len(before) + 1)
            yield number - 1, (where, why, "put the comment above both lines")
        goes_on = not sign and line.rstrip().endswith("\\")


def _comments(physical: Sequence[str]) -> Iterator[Cause]:
    """Find comments that take a part of a word."""
    for number, line in enumerate(physical, 1):
        before, sign, _ = line.partition("#")
        if sign and before and before[-1] not in _BLANKS:
            why = "# begins a comment, also within a word: the rest of the line is not read"
            cure = "put a blank before the comment; a value with # has to stand in a file"
            yield Token(line[len(before) :], number, len(before) + 1), why, cure
