"""Pictures of stacks as SVG: one file, without script, and without anything from elsewhere.

Whatever comes from files is escaped. Colours follow the reader's light or dark mode, are those of
the light one on paper, and nothing is said by a colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from rich.cells import cell_len

from ualauth.cli.picture.rows import END, Mark, Picture, Row
from ualauth.cli.plain import plain
from ualauth.stack.model import Kind

LIGHT = {
    "page": "#ffffff",
    "box": "#f6f8fa",
    "line": "#57606a",
    "text": "#1b1f24",
    "dim": "#4d5560",
    "good": "#0f5323",
    "bad": "#9b1226",
    "odd": "#6f4400",
    "name": "#0a3f8f",
}
DARK = {
    "page": "#0d1117",
    "box": "#161b22",
    "line": "#9198a1",
    "text": "#e6edf3",
    "dim": "#a5adb8",
    "good": "#56d364",
    "bad": "#ff8a80",
    "odd": "#e3b341",
    "name": "#8cc5ff",
}
"""What each colour is for -> the colour. Text on `page` and `box` has a contrast of at least 4.5
(WCAG 2.2, 1.4.3); tests look at it."""

_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_SIZE = 13
_ADVANCE = 7.9
"""Pixels of a character of the widest of these fonts, in that size."""
_LINE = 19
_PAD = 10
_GAP = 14
_BOX = 520
_LANE = 9
_LANES = 6
_COLUMN = _BOX + _LANE * (_LANES + 1) + 24
_INDENT = 18


def variables(colours: dict[str, str]) -> str:
    """Return colours as CSS variables."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


STYLE = f"""\
:root {{ color-scheme: light dark; {variables(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}
.stack text {{ font: {_SIZE}px {_FONT}; fill: var(--text); unicode-bidi: isolate; }}
.stack .title {{ font-weight: bold; font-size: 15px; }}
.stack .name {{ fill: var(--name); font-weight: bold; }}
.stack .dim {{ fill: var(--dim); }}
.stack .good {{ fill: var(--good); }}
.stack .bad {{ fill: var(--bad); }}
.stack .odd {{ fill: var(--odd); }}
.stack rect {{ fill: var(--box); stroke: var(--line); }}
.stack .page {{ fill: var(--page); stroke: none; }}
.stack .removed rect {{ stroke: var(--bad); stroke-width: 2; stroke-dasharray: 6 4; }}
.stack .added rect {{ stroke: var(--good); stroke-width: 2; }}
.stack path {{ fill: none; stroke: var(--odd); stroke-width: 1.5; }}
.stack .next {{ stroke: var(--line); }}
.stack .head {{ fill: var(--odd); stroke: none; }}
"""
_CLASSES = {Mark.SAME: "row", Mark.REMOVED: "row removed", Mark.ADDED: "row added"}
_WORDS = {Mark.SAME: "", Mark.REMOVED: " - only before", Mark.ADDED: " + only now"}


def drawing(
    columns: Sequence[Sequence[Picture]], titles: Sequence[str], *, alone: bool = True
) -> str:
    """Return the stacks of one service, or of two beside each other.

    `alone` is whether it is a file of its own, and not part of a page that has `STYLE`.
    """
    parts: list[str] = []
    y = [28] * len(columns)
    for number, title in enumerate(titles):
        parts.append(_text(_PAD + number * _COLUMN, 20, title, "title"))
    for pictures in zip(*columns, strict=True):
        # The same type begins at the same height on both sides.
        top = max(y) + 10
        for number, picture in enumerate(pictures):
            body, y[number] = _stack(picture, _PAD + number * _COLUMN, top)
            parts += body
    width, height = _COLUMN * len(columns), max(y) + _PAD
    name = _escaped(" and ".join(titles))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="stack" role="img" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">\n<title>{name}</title>'
    )
    style = f"<style>{STYLE}</style>" if alone else ""
    page = f'<rect class="page" width="{width}" height="{height}"/>' if alone else ""
    return "\n".join([head, style, page, *parts, "</svg>"])


@dataclass(slots=True)
class _Placed:
    """Where a row stands, and its lines with the class of each and the row that it jumps to."""

    row: Row
    top: int
    bottom: int
    lines: list[tuple[str, str, str]]


def _stack(picture: Picture, x: int, top: int) -> tuple[list[str], int]:
    """Return a stack drawn at a place, and where it ends."""
    parts = [_text(x, top + 14, str(picture.module_type), "title")]
    y = top + 24
    if not picture.rows:
        parts.append(_text(x, y + 14, "no entries: whatever is asked is refused", "dim"))
        return parts, y + 24
    placed: list[_Placed] = []
    for row in picture.rows:
        lines = list(_lines(row))
        height = 2 * _PAD + _LINE * len(lines) - 4
        placed.append(_Placed(row, y, y + height, lines))
        y += height + _GAP
    for each, following in zip(placed, [*placed[1:], None], strict=True):
        parts += _box(each, x)
        foot = following.top if following else y
        middle = x + _INDENT * each.row.depth + 20
        parts.append(f'<path class="next" d="M{middle} {each.bottom}V{foot}"/>')
    parts += [
        f'<rect x="{x}" y="{y}" width="{_BOX}" height="{_LINE + 10}" rx="14"/>',
        _text(x + _PAD, y + 19, "the end: lets in if some entry counted, and none refused", "dim"),
    ]
    ends = {each.row.number: each.top for each in placed} | {END: y}
    parts += _jumps(placed, ends, x + _BOX)
    return parts, y + _LINE + 20


def _box(placed: _Placed, x: int) -> Iterator[str]:
    row = placed.row
    left = x + _INDENT * row.depth
    width = _BOX - _INDENT * row.depth
    yield f'<g class="{_CLASSES[row.mark]}">'
    yield (
        f'<rect x="{left}" y="{placed.top}" width="{width}" '
        f'height="{placed.bottom - placed.top}" rx="5"/>'
    )
    y = placed.top + _PAD + 11
    for text, kind, _ in placed.lines:
        yield _text(left + _PAD, y, text, kind)
        y += _LINE
    yield "</g>"


def _lines(row: Row) -> Iterator[tuple[str, str, str]]:
    room = int((_BOX - _INDENT * row.depth - 2 * _PAD) / _ADVANCE)
    module = f"{row.module} (always refuses)" if row.kind is Kind.MUST_FAIL else row.module
    for text in _wrapped(f"{row.number} {module} {row.arguments}", room):
        yield text, "name", ""
    for text in _wrapped(f"{row.control}   {row.place}{_WORDS[row.mark]}", room):
        yield text, "dim", ""
    for lead in row.leads:
        first, *rest = _wrapped(f"{lead.answers} → {lead.effect}", room - 2)
        yield f"• {first}", lead.tone.value, lead.jump
        for text in rest:
            yield f"\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}{text}", lead.tone.value, ""


def _wrapped(text: str, room: int) -> list[str]:
    """Return the lines of a text, by words; a word that is too long is cut into parts."""
    lines: list[str] = []
    line = ""
    for word in plain(text).split(" "):
        rest = word
        if line and cell_len(line) + 1 + cell_len(rest) <= room:
            line += f" {rest}"
            continue
        if line:
            lines.append(line)
        while cell_len(rest) > room:
            size = room
            while cell_len(rest[:size]) > room:
                size -= 1
            lines.append(rest[:size])
            rest = rest[size:]
        line = rest
    return [*lines, line]


def _jumps(placed: Sequence[_Placed], ends: dict[str, int], right: int) -> Iterator[str]:
    """Yield an arrow for each jump, in lanes beside each other."""
    lane = 0
    for each in placed:
        y = each.top + _PAD + 7
        for _, _, jump in each.lines:
            if jump in ends:
                x = right + _LANE * (lane % _LANES + 1) + 4
                target = ends[jump] + 12
                yield f'<path d="M{right} {y}H{x}V{target}H{right + 6}"/>'
                yield f'<path class="head" d="M{right} {target}l7 -4v8z"/>'
                lane += 1
            y += _LINE


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return escape(plain(text))
