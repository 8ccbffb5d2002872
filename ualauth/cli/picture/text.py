"""Pictures of stacks as coloured text, also in narrow terminals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ualauth.cli.output import cell, console
from ualauth.cli.picture.rows import Mark, Picture, Row, Tone, side_by_side
from ualauth.stack.model import Kind

_STYLES = {Tone.GOOD: "green", Tone.BAD: "red", Tone.NEUTRAL: "dim", Tone.ODD: "yellow"}
_MARK_STYLES = {Mark.SAME: "", Mark.REMOVED: "bold red", Mark.ADDED: "bold green"}
_WIDE = 110
"""Columns from which two stacks stand beside each other."""
LEGEND = (
    "ok and done count as success, bad and die refuse; done and die end the stack, or the "
    "substack. A stack lets in if some entry counted, and none refused."
)


def print_pictures(pictures: Sequence[Picture]) -> None:
    """Print the stacks of a service."""
    out = console()
    for picture in pictures:
        out.print(cell(picture.module_type, "bold"))
        if not picture.rows:
            out.print(cell("  no entries: whatever is asked is refused"))
        for row in picture.rows:
            _print_row(out, row, mark=False)
        out.print()
    out.print(cell(LEGEND, "dim"))


def print_compared(pairs: Sequence[tuple[Picture, Picture]], titles: tuple[str, str]) -> None:
    """Print two services: beside each other where there is room, else one list with signs."""
    out = console()
    beside = out.width >= _WIDE
    for old, new in pairs:
        if all(row.mark is Mark.SAME for row in (*old.rows, *new.rows)):
            continue
        out.print(cell(old.module_type, "bold"))
        if beside:
            table = Table(box=None, expand=True, pad_edge=False)
            for title in titles:
                table.add_column(cell(title, "bold"), ratio=1, overflow="fold")
            for rows in side_by_side(old, new):
                table.add_row(*(Text("\n  ").join(_lines(row)) if row else "" for row in rows))
            out.print(table)
        else:
            out.print(cell(f"- {titles[0]}", "bold red"))
            out.print(cell(f"+ {titles[1]}", "bold green"))
            for left, right in side_by_side(old, new):
                for row in (left, right if right and right.mark is not Mark.SAME else None):
                    if row is not None:
                        _print_row(out, row, mark=True)
        out.print()


def _print_row(out: Console, row: Row, *, mark: bool) -> None:
    head, *leads = _lines(row, mark=mark)
    indent = 2 * row.depth + (0 if mark else 2)
    out.print(Padding(head, (0, 0, 0, indent), expand=False))
    for lead in leads:
        out.print(Padding(lead, (0, 0, 0, indent + 4), expand=False))


def _lines(row: Row, *, mark: bool = True) -> Iterator[Text]:
    """Yield the entry, and then what each of its answers leads to."""
    style = _MARK_STYLES[row.mark]
    module = f"{row.module} (always refuses)" if row.kind is Kind.MUST_FAIL else row.module
    parts = [
        cell(f"{row.mark.value} " if mark else "", style),
        cell(f"{row.number} ", "bold"),
        cell(f"{row.control} ", style),
        cell(module, style or "cyan"),
        cell(f" {row.arguments}" if row.arguments else "", style),
        cell(f"  {row.place}", "dim"),
    ]
    yield Text.assemble(*parts)
    for lead in row.leads:
        yield Text.assemble(cell(lead.answers), " -> ", cell(lead.effect, _STYLES[lead.tone]))
