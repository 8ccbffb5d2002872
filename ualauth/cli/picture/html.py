"""A page with pictures of stacks: one HTML file, without script or anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from ualauth.cli.picture.rows import Picture
from ualauth.cli.picture.svg import STYLE, drawing
from ualauth.cli.picture.text import LEGEND
from ualauth.cli.plain import plain

_STYLE = """\
body { background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif;
  margin: 1.5rem auto; max-width: 78rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
h3 { font-size: 1rem; margin-bottom: .2rem; }
.stacks { overflow-x: auto; } .stacks svg { max-width: none; }
.first { border-left: .4rem solid var(--bad); padding-left: .8rem; }
.dim { color: var(--dim); }
ul { margin-top: 0; } li { overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } .stacks { overflow: visible; }
  .stacks svg { width: 100%; height: auto; } section { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and lists of lines below it, each with a heading of its own."""

    title: str
    lists: Sequence[tuple[str, Sequence[str]]]
    is_first: bool = False
    """Whether it is what has to be looked at first."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The stacks of a service, or of two, with their titles."""

    columns: Sequence[Sequence[Picture]]
    titles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page has: what is said, and then what is drawn."""

    title: str
    drawn: Sequence[Drawn]
    sections: Sequence[Section] = field(default_factory=list)
    afterwards: Sequence[Section] = field(default_factory=list)
    """What is said below the pictures."""


def page(page: Page) -> str:
    """Return the text of a page."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # An icon would be asked for, too.
        '<link rel="icon" href="data:,">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}; img-src data:">',
        f"<title>{_escaped(page.title)}</title>",
        f"<style>{STYLE}{_STYLE}</style></head>",
        "<body>",
        f"<h1>{_escaped(page.title)}</h1>",
    ]
    for section in page.sections:
        parts += _section(section)
    for drawn in page.drawn:
        picture = drawing(drawn.columns, drawn.titles, alone=False)
        parts.append(f'<div class="stacks">{picture}</div>')
    if page.drawn:
        parts.append(f'<p class="dim">{_escaped(LEGEND)}</p>')
    for section in page.afterwards:
        parts += _section(section)
    return "\n".join([*parts, "</body></html>"])


def _section(section: Section) -> Iterator[str]:
    yield f'<section class="{"first" if section.is_first else "other"}">'
    yield f"<h2>{_escaped(section.title)}</h2>"
    for title, lines in section.lists:
        if title:
            yield f"<h3>{_escaped(title)}</h3>"
        yield "<ul>"
        yield from (f"<li>{_escaped(line)}</li>" for line in lines)
        yield "</ul>"
    yield "</section>"


def _escaped(text: str) -> str:
    return escape(plain(text))
