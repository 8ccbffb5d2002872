"""How a way through a stack is shown: which entries were asked, and what each answer leads to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.text import Text

from ualauth.cli.output import cell, console, grid
from ualauth.codes import UNCHECKED, ReturnCode
from ualauth.runtime.trace import TraceStep
from ualauth.stack.engine import Impression

_GOOD = "let in"
_BAD = "refused"
_SO_FAR = {
    Impression.POSITIVE: f"so far: {_GOOD}",
    Impression.NEGATIVE: f"so far: {_BAD}",
    Impression.UNDEFINED: "so far: nothing",
}
_ENDS = {
    Impression.POSITIVE: f"ends: {_GOOD}",
    Impression.NEGATIVE: f"ends: {_BAD}",
    Impression.UNDEFINED: "ends: nothing",
}


def leads_to(step: TraceStep) -> str:
    """Return in some words what an answer leads to."""
    after, action = step.after, step.action
    if action == "ignore":
        return "counts for nothing"
    if action == "die" or (action == "done" and after.impression is Impression.POSITIVE):
        return _ENDS[after.impression]
    words = _SO_FAR[after.impression]
    if action == "reset":
        return f"begins anew; {words}"
    if action.isdigit():
        spoilt = after.impression is Impression.NEGATIVE and step.before != after
        return f"skips {action}; {words}" if spoilt else f"skips {action}"
    return words


def code_cell(code: ReturnCode) -> Text:
    """Return a code in the colour of what it means."""
    if code is ReturnCode.SUCCESS:
        return cell(code, "green")
    if code is ReturnCode.IGNORE:
        return cell(code)
    return cell(code, "yellow" if code in UNCHECKED else "red")


def place_of(file: str, line: int, folder: str) -> str:
    """Return where an entry stands; files in `folder` are shown without it."""
    return f"{file.removeprefix(f'{folder}/')}:{line}"


def print_way(steps: Iterable[TraceStep], folder: str) -> None:
    """Print a table for each operation; two lines an entry, so that 60 columns are enough."""
    out = console()
    for operation, some in groupby(steps, key=lambda step: step.operation):
        table = grid("entry", "answer", "remark", title=str(operation))
        for column in table.columns[:2]:
            column.no_wrap = True
        for step in some:
            indent = "  " * step.depth
            where = place_of(step.file, step.line, folder)
            table.add_row(
                _two_lines(cell(indent + where, "dim"), cell(indent + step.module, "cyan")),
                _two_lines(code_cell(step.code), cell(f"-> {leads_to(step)}")),
                cell(step.remark),
            )
        out.print(table)
        out.print()


def _two_lines(upper: Text, lower: Text) -> Text:
    return Text("\n").join([upper, lower])
