"""How an attempt to submit is shown, step by step: for people, and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ualauth.cli.output import cell, line
from ualauth.smtp_access.decision import Decision, Finding
from ualauth.smtp_access.events import Action, Event
from ualauth.smtp_access.explain import Explained

_EVENT = max(len(event.value) for event in Event)
_ACTION = max(len(str(action)) for action in Action)
_STYLES = {Action.REJECT: "bold red", Action.DEFER: "bold yellow", Action.DISCARD: "bold yellow"}


def print_steps(explained: Explained, file: Path) -> None:
    """Print what was found at each step, and what comes of it; `file` is shown by its name."""
    told: tuple[Finding, ...] = ()
    for step in explained.steps:
        line(cell(step.command, "bold"), ": ", cell(step.decision.action))
        new = [each for each in step.decision.findings if each not in told]
        told = (*told, *new)
        for finding in new:
            line(
                cell(f"  {finding.event.value:<{_EVENT}}  ", "cyan"),
                cell(f"{finding.action!s:<{_ACTION}}  "),
                cell(_where(finding, file), "dim"),
            )
    # The step that the outcome is from: as the last one knows most, the last of them.
    of_outcome = [each for each in explained.steps if each.decision.action is explained.action]
    _print_decision(of_outcome[-1].decision, explained.action)


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
    return f"{str(finding.rule.source).removeprefix(f'{file.parent}/')}: {finding.rule}"


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
