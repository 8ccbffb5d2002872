"""What a plan and an agreement look like, for people and for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import click

from ualauth.cli.plain import plain
from ualauth.sync.plan import Action, Conflict, GroupAction, Kind, Plan
from ualauth.sync.store import StoredAgreement

_MOST = 20
"""Actions of a kind that are shown; --json shows all."""


def print_plan(plan: Plan, conflicts: Sequence[Conflict], *, everything: bool = False) -> None:
    """Print what is done, those that take most away first."""
    for kind in reversed(Kind):
        actions = [action for action in plan.actions if action.kind is kind]
        most = len(actions) if everything else _MOST
        for action in actions[:most]:
            click.echo(plain(_line(action)))
        if len(actions) > most:
            click.echo(f"{kind.value}  ... and {len(actions) - most} more; --json shows all")
    most = len(plan.groups) if everything else _MOST
    for each in plan.groups[:most]:
        click.echo(plain(_group_line(each)))
    if len(plan.groups) > most:
        click.echo(f"group  ... and {len(plan.groups) - most} more; --json shows all")
    for conflict in conflicts:
        click.echo(plain(f"conflict  {conflict.dn}: {conflict.reason}"), err=True)
    click.echo(counted(plan.counts() | {"conflict": len(conflicts)}))


def counted(counts: dict[str, int]) -> str:
    """Return counts as a line."""
    return ", ".join(f"{number} {kind}" for kind, number in counts.items() if number) or "no change"


def plan_dict(plan: Plan, conflicts: Sequence[Conflict], *, applied: bool) -> dict[str, Any]:
    """Return a plan for JSON."""
    return {
        "agreement": plan.agreement.name,
        "digest": plan.digest,
        "applied": applied,
        "guard": plan.guard,
        "counts": plan.counts() | {"conflict": len(conflicts)},
        "actions": plan.action_dicts(),
        "conflicts": [conflict.to_dict() for conflict in conflicts],
    }


def agreement_dict(stored: StoredAgreement) -> dict[str, Any]:
    """Return an agreement for JSON: it has no secret, but the path of one."""
    values: dict[str, Any] = json.loads(stored.agreement.to_json())
    numbers = {
        "users": stored.active,
        "deleted_users": stored.deleted,
        "groups": stored.groups,
    }
    return values | {"company": stored.company} | numbers | {"state": stored.state}


_METRICS: Sequence[tuple[str, str, Callable[[StoredAgreement], float]]] = (
    ("users", "Users whose entries are there.", lambda each: each.active),
    ("deleted_users", "Users whose entries are gone, and who are kept.", lambda each: each.deleted),
    (
        "conflicts",
        "Entries in conflict in the last run that was applied.",
        lambda each: each.state.get("counts", {}).get("conflict", 0),
    ),
    (
        "last_run_failed",
        "1 if the last run failed, or was held back.",
        lambda each: bool(each.state.get("error")),
    ),
    (
        "last_run_timestamp_seconds",
        "When the last run ended; 0 is never.",
        lambda each: _seconds(each.state.get("run")),
    ),
    (
        "last_success_timestamp_seconds",
        "When the last run ended that was applied; 0 is never.",
        lambda each: _seconds(each.state.get("success")),
    ),
)


def metrics_of(every: Sequence[StoredAgreement]) -> str:
    """Return what is known of agreements in Prometheus' text format."""
    lines = []
    for name, text, value in _METRICS:
        lines += [f"# HELP ualauth_sync_{name} {text}", f"# TYPE ualauth_sync_{name} gauge"]
        lines += [
            f'ualauth_sync_{name}{{agreement="{each.agreement.name}"}} {value(each):.0f}'
            for each in every
        ]
    return "\n".join(lines) + "\n"


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _line(action: Action) -> str:
    values = action.to_dict()
    text = f"{values['action']}  {values['authid']}"
    if action.kind is Kind.ADD:
        return f"{text}  {action.new.name}"
    if action.kind is Kind.DELETE:
        return f"{text}  locked, and kept"
    changes = [f"{name}: {old} -> {new}" for name, (old, new) in values["fields"].items()]
    return f"{text}  {'; '.join(changes)}"


def _group_line(action: GroupAction) -> str:
    values = action.to_dict()
    if action.kind is Kind.DELETE:
        return f"{values['action']}  {values['group']}  kept until the purge"
    parts = [f"{name}: {old} -> {new}" for name, (old, new) in values["fields"].items() if old]
    for sign, members in (("+", values["members_added"]), ("-", values["members_removed"])):
        if members:
            parts.append(f"{sign}{len(members)} members")
    return f"{values['action']}  {values['group']}  {'; '.join(parts)}".rstrip()


def settings_of(stored: StoredAgreement) -> list[tuple[str, str]]:
    """Return the settings of an agreement, as words."""
    return [
        (field.name, str(agreement_dict(stored)[field.name]))
        for field in dataclasses.fields(stored.agreement)
    ]
