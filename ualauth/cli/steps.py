"""The steps of `ldap test` and `sql test`: how each is shown, and what they all amount to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ualauth.cli.exits import ExitStatus
from ualauth.cli.output import cell, console, grid, line


class Step(Protocol):
    """One thing that was tried: what it showed, or why it failed and what mends that."""

    @property
    def name(self) -> str:
        """What was tried."""
        ...

    @property
    def seconds(self) -> float:
        """How long it took."""
        ...

    @property
    def facts(self) -> Sequence[tuple[str, str]]:
        """What it showed: names and texts."""
        ...

    @property
    def fault(self) -> str:
        """Why it failed; empty if it did not."""
        ...

    @property
    def cure(self) -> str:
        """What mends that, or empty."""
        ...

    @property
    def refused(self) -> bool:
        """Whether it is an answer of the server that is a no."""
        ...

    @property
    def spare(self) -> bool:
        """Whether another server may do instead."""
        ...


def print_step(step: Step) -> None:
    """Print a step, with its facts, its fault and its cure."""
    word, style = ("failed", "bold red") if step.fault else ("ok", "green")
    line(cell(word, style), f"  {step.name}  ", cell(f"{step.seconds * 1000:.0f} ms", "dim"))
    table = grid()
    for name, text in step.facts:
        table.add_row(cell(f"      {name}:", "dim"), cell(text))
    if step.fault:
        table.add_row(cell("      why:", "dim"), cell(step.fault))
    if step.cure:
        table.add_row(cell("      cure:", "bold"), cell(step.cure))
    if table.rows:
        console().print(table)


def step_json(step: Step) -> dict[str, object]:
    """Return a step as JSON has it."""
    return {
        "step": step.name,
        "ok": not step.fault,
        "milliseconds": round(step.seconds * 1000, 1),
        "facts": [{"name": name, "value": text} for name, text in step.facts],
        "fault": step.fault,
        "cure": step.cure,
    }


def status_of(steps: Iterable[Step]) -> ExitStatus:
    """Return what steps amount to; a server of several may be away."""
    asked = [step for step in steps if not step.spare]
    if any(step.fault and not step.refused for step in asked):
        return ExitStatus.TEMPORARY
    return ExitStatus.REFUSED if any(step.refused for step in asked) else ExitStatus.OK
