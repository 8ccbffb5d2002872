"""How an attempt to submit is shown, step by step: for people, and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ualauth.cli.output import cell, console, grid, line
from ualauth.smtp_access.decision import Decision, Finding
from ualauth.smtp_access.events import Action
from ualauth.smtp_access.explain import Explained

_STYLES = {Action.REJECT: "bold red", Action.DEFER: "bold yellow", Action.DISCARD: "bold yellow"}


def print_steps(explained: Explained, file: Path) -> None:
    """Print what was found at each step, and what comes of it; `file` is shown by its name."""
    table = grid("step", "event", "action", "rule", "reads")
    told: tuple[Finding, ...] = ()
    for step in explained.steps:
        new = [each for each in step.decision.findings if each not in told]
        told = (*told, *new)
        if not new:
            table.add_row(cell(step.command), "", cell(step.decision.action), "", "")
        for number, finding in enumerate(new):
            table.add_row(
                cell("" if number else step.command),
                cell(finding.event.value, "cyan"),
                cell(finding.action),
                cell(_where(finding, file), "dim"),
                cell(finding.rule or ""),
            )
    console().print(table)
    last = max(explained.steps, key=lambda step: step.decision.action == explained.action)
    _print_decision(last.decision, explained.action)


def _print_decision(decision: Decision, action: Action) -> None:
    why = "no rule is about it"
    if decision.event is not None:
        why = f"{decision.event.value} by {decision.rule.source if decision.rule else 'default'}"
    line(cell(action, _STYLES.get(action, "bold green")), ": ", cell(why))
    line(cell("  reply: ", "dim"), cell(decision.reply))
    for header in decision.headers:
        line(cell("  header: ", "dim"), cell(header))


def _where(finding: Finding, file: Path) -> str:
    if finding.rule is None:
        return "default"
    return str(finding.rule.source).removeprefix(f"{file.parent}/")


def steps_json(explained: Explained) -> dict[str, Any]:
    """Return an attempt for JSON."""
    return {
        "action": str(explained.action),
        "steps": [
            {"command": step.command} | _decision_json(step.decision) for step in explained.steps
        ],
    }


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "action": str(decision.action),
        "event": decision.event.value if decision.event else None,
        "rule": str(decision.rule.source) if decision.rule else None,
        "reply": str(decision.reply),
        "headers": [str(header) for header in decision.headers],
        "findings": [
            {
                "event": each.event.value,
                "action": str(each.action),
                "rule": str(each.rule.source) if each.rule else None,
            }
            for each in decision.findings
        ],
    }
