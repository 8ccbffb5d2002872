r"""Text becomes logical lines, and lines become tokens with their positions.

    file     = *( *( text "\" newline ) text newline )
    text     = *( blank token ) [ "#" comment ]    ; "#" starts a comment anywhere
    token    = "[" *( "\]" / any but "]" ) ( "]" / end ) / 1*( any but blank )
    blank    = " " / tab / newline

A line of comment never continues, there is no quoting, and what follows a NUL
is invisible. Any text is accepted: reading never raises. Linux-PAM's
pam_line.c and _pam_tokenize are the reference.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from ualauth.sources.page import Line, Token
from ualauth.stack.dialect import Dialect
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern

_TOKEN = lazy_pattern(r"[ \n\t]*(?:\[(?P<bracketed>(?:\\\]|[^\]])*)\]?|(?P<plain>[^ \n\t]+))")
_NEEDS_BRACKETS = lazy_pattern(r"\A\[|[ \t\n]|\A\Z")
_BLANK = " \t\n"
_NUL = "\0"
_PHYSICAL = lazy_pattern(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class File:
    """What a text says; `unfinished` is the number of a last line that was to go on, or 0."""

    lines: tuple[Line, ...]
    unfinished: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one physical line adds to a logical one: `text` without leading blanks."""

    text: str
    line: int
    column: int
    continues: bool
    skipped: bool
    """Neither adds anything nor ends a logical line that goes on."""


def parse(text: str, dialect: Dialect) -> File:
    """Return the logical lines of `text`, split into tokens."""
    read = _upstream_piece if dialect.blank_ends_continuation else _debian_piece
    lines: list[Line] = []
    held: list[_Piece] = []
    unfinished = 0
    for number, raw in enumerate(_PHYSICAL.findall(text), 1):
        piece = read(raw, number)
        if piece.continues:
            held += [piece] if piece.text else []
            unfinished = number
        elif not piece.skipped or (held and dialect.blank_ends_continuation):
            lines.append(_line([*held, piece]))
            held = []
            unfinished = 0
        elif dialect.blank_ends_continuation:
            unfinished = 0
    return File(tuple(lines), unfinished)


def print_lines(lines: Sequence[Sequence[str]]) -> str:
    """Return a text that parses to these lines of token texts.

    Every line that `parse` returned can be printed. Of other lines, only the
    last token may hold a blank and end in a backslash. Tokens hold no NUL and no
    `#`, and only the last one of a line may end in a newline.
    """
    # A line without tokens is one that a NUL hides, and counts as a failure all the same.
    return "".join(f"{_print_line(tokens) if tokens else _NUL}\n" for tokens in lines)


def _upstream_piece(raw: str, number: int) -> _Piece:
    """Read one physical line, its newline included, as Linux-PAM's main branch does."""
    body = raw.rstrip(_BLANK)
    continues = body.endswith("\\")
    text = f"{body[:-1]} " if continues else raw
    stripped = text.lstrip(" \t")
    column = len(text) - len(stripped) + 1
    text = stripped.partition("#")[0]
    # A comment never continues. A NUL hides one, but not the backslash after it.
    continues = continues and "#" not in raw.partition("\0")[0]
    return _Piece(text, number, column, continues, skipped=text in ("", "\n"))


def _debian_piece(raw: str, number: int) -> _Piece:
    """Read one physical line as libpam 1.5.2 does: a NUL ends it."""
    visible = raw.partition("\0")[0]
    text = visible.lstrip(_BLANK)
    column = len(visible) - len(text) + 1
    body = text.rstrip(_BLANK)
    if body.endswith("\\") and "#" not in text:
        return _Piece(f"{body[:-1]} ", number, column, continues=True, skipped=False)
    skipped = not text or text.startswith("#")
    return _Piece(text.partition("#")[0], number, column, continues=False, skipped=skipped)


def _line(pieces: Sequence[_Piece]) -> Line:
    """Join pieces and split them into tokens that know where they stand."""
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + len(piece.text))
    visible = "".join(piece.text for piece in pieces).partition("\0")[0]
    tokens = []
    for match in _TOKEN.finditer(visible):
        start = match.start("bracketed") - 1 if match["plain"] is None else match.start("plain")
        index = bisect_right(starts, start, 0, len(pieces)) - 1
        piece = pieces[index]
        word = match["plain"] if match["plain"] is not None else match["bracketed"]
        if match["plain"] is None:
            word = word.replace("\\]", "]")
        tokens.append(Token(word, piece.line, piece.column + start - starts[index]))
    return Line(pieces[0].line, tuple(tokens))


def _print_line(tokens: Sequence[str]) -> str:
    printed = " ".join(_print_token(token) for token in tokens)
    # A backslash at the end would continue the line; a comment forbids that.
    return f"{printed} #" if printed.endswith("\\") else printed


def _print_token(text: str) -> str:
    if not _NEEDS_BRACKETS.search(text):
        return text
    escaped = text.replace("]", "\\]")
    # Only a bracket that was never closed holds the next three, and it is the last token.
    if text.endswith("\\ \n"):
        return f"[{escaped[:-2]}\\\n"
    if text.endswith("\n"):
        return f"[{escaped[:-1]}"
    return f"[{escaped}#" if text.endswith("\\") else f"[{escaped}]"
