"""How a login that was tried is shown: for people, and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.text import Text

from ualauth.authenticator import Transaction
from ualauth.cli.output import cell, console, grid, line
from ualauth.cli.ways import code_cell
from ualauth.codes import Item, Operation, ReturnCode
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.trace import TraceStep
from ualauth.stack.engine import State


@dataclass(frozen=True, slots=True)
class LoginReport:
    """A transaction, the codes of its operations, and what they amount to."""

    transaction: Transaction
    codes: Sequence[tuple[Operation, ReturnCode]]
    outcome: Outcome

    def item(self, item: Item) -> str | None:
        """Return an item of the transaction."""
        value: str | None = self.transaction.get_item(item)[1]
        return value


_STYLES = {Outcome.GRANTED: "bold green", Outcome.UNAVAILABLE: "bold yellow"}


def print_report(report: LoginReport, folder: str, *, trace: bool) -> None:
    """Print a report for people; files in `folder` are shown without it."""
    if trace:
        _print_trace(report.transaction.trace, folder)
    table = grid()
    for operation, code in report.codes:
        table.add_row(cell(operation), code_cell(code))
    console().print(table)
    user = report.item(Item.USER)
    line(
        cell(report.outcome, _STYLES.get(report.outcome, "bold red")),
        ": ",
        cell(user if user is not None else "no user was named"),
        " for ",
        cell(report.item(Item.SERVICE)),
    )
    reason = report.transaction.reason
    if reason is not None and not trace:
        line(cell(f"  {reason.code}: {reason.remark}"))
        for entry in reason.entries[-1:]:
            where = str(entry.source).removeprefix(f"{folder}/")
            line(cell(f"  by {entry.module} ({where}); --trace shows more", "dim"))
    person = report.transaction.person
    if report.outcome is Outcome.GRANTED and person is not None:
        known = {"name": person.name, "addresses": ", ".join(person.addresses)}
        for label, text in known.items():
            if text:
                line(cell(f"  {label}: ", "dim"), cell(text))


def report_json(report: LoginReport, *, trace: bool) -> dict[str, Any]:
    """Return a report as one JSON object."""
    granted = report.outcome is Outcome.GRANTED
    person = report.transaction.person
    value: dict[str, Any] = {
        "service": report.item(Item.SERVICE),
        "user": report.item(Item.USER),
        "granted": granted,
        "outcome": str(report.outcome),
        "operations": [{"operation": str(each), "code": str(code)} for each, code in report.codes],
        "messages": list(report.transaction.messages),
    }
    reason = report.transaction.reason
    if reason is not None:
        entry = reason.entries[-1] if reason.entries else None
        value["reason"] = {
            "code": str(reason.code),
            "module": None if entry is None else entry.module,
            "entry": None if entry is None else str(entry.source),
            "remark": reason.remark,
        }
    if granted and person is not None:
        shown = (field.name for field in dataclasses.fields(person) if field.repr)
        value["identity"] = {name: getattr(person, name) for name in shown} | {
            "mailbox_class": person.mailbox_class.value,
        }
    if trace:
        value["trace"] = [_step_json(step) for step in report.transaction.trace]
    return value


def _step_json(step: TraceStep) -> dict[str, Any]:
    return {
        "operation": str(step.operation),
        "file": step.file,
        "line": step.line,
        "module": step.module,
        "code": str(step.code),
        "action": step.action,
        "before": _state_json(step.before),
        "after": _state_json(step.after),
        "remark": step.remark,
        "depth": step.depth,
    }


def _state_json(state: State) -> dict[str, str]:
    return {"impression": str(state.impression), "status": str(state.status)}


def _print_trace(trace: Sequence[TraceStep], folder: str) -> None:
    """Print a table for each operation; two lines an entry, so that 60 columns are enough.

    The remark comes first: it is what is mostly looked for. What is too long goes on below, by
    words.
    """
    out = console()
    for operation, steps in groupby(trace, key=lambda step: step.operation):
        columns = _COLUMNS if out.width >= _LEAST_WIDTH else _COLUMNS[:-1]
        table = grid(*columns, title=str(operation))
        for column in table.columns:
            # No word is cut where there is room for it elsewhere.
            column.min_width = 7
        for step in steps:
            indent = "  " * step.depth
            where = f"{step.file.removeprefix(f'{folder}/')}:{step.line}"
            cells = (
                _two_lines(cell(indent + step.module, "cyan"), cell(indent + where, "dim")),
                _two_lines(code_cell(step.code), cell(f"-> {step.action}")),
                cell(step.remark),
                _two_lines(cell(f"   {_state(step.before)}"), cell(f"-> {_state(step.after)}")),
            )
            table.add_row(*cells[: len(columns)])
        out.print(table)
        out.print()
    if trace:
        out.print(cell(_LEGEND if out.width >= _LEAST_WIDTH else _NARROW_LEGEND, "dim"))
        out.print()


_COLUMNS = ("asked", "answer", "remark", "state")
_LEAST_WIDTH = 56
"""Columns of a terminal in which the states have room, too."""
_NARROW_LEGEND = (
    "answer: what the entry answered, and what its control made of that. A wider window also shows "
    "what all entries amounted to."
)
_LEGEND = (
    "answer: what the entry answered, and what its control made of that. state: what all entries "
    "amounted to, before and after it, and the code if they had been the last."
)


def _two_lines(upper: Text, lower: Text) -> Text:
    return Text("\n").join([upper, lower])


def _state(state: State) -> str:
    return f"{state.impression}, {state.status}"
