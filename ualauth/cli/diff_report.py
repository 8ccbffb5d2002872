"""How differences are shown: for people, and as JSON."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from rich.padding import Padding
from rich.text import Text

from ualauth.cli.compared import Side
from ualauth.cli.differences import Difference, ServiceDifference
from ualauth.cli.output import cell, console
from ualauth.cli.setting_text import value_text
from ualauth.cli.ways import code_cell
from ualauth.codes import Operation
from ualauth.config.effective import Setting
from ualauth.runtime.outcome import Outcome
from ualauth.stack.analysis.comparison import Change, Given
from ualauth.stack.analysis.played import Conclusion


class Group(enum.Enum):
    """What changes for a class of logins."""

    REFUSED_NOW = "let in before, refused now"
    LET_IN_NOW = "refused before, let in now"
    OTHER = "refused before and now, with another answer"

    def __str__(self) -> str:
        """Return the words."""
        return self.value


STYLES = {Group.REFUSED_NOW: "bold yellow", Group.LET_IN_NOW: "bold red", Group.OTHER: "bold"}
MARKS = {Group.LET_IN_NOW: " (the most important)"}
WHAT = {
    Operation.AUTHENTICATE: "logins",
    Operation.CHAUTHTOK: "changes of passwords",
    Operation.OPEN_SESSION: "sessions",
}
"""The first operation of what is compared -> how it is called."""
_SHOWN = {Group.REFUSED_NOW: 20, Group.LET_IN_NOW: 20, Group.OTHER: 3}
"""Classes of each group that are shown unless all are asked for."""


def group_of(change: Change) -> Group:
    """Return what changes."""
    if change.before.outcome is Outcome.GRANTED:
        return Group.REFUSED_NOW
    return Group.LET_IN_NOW if change.after.outcome is Outcome.GRANTED else Group.OTHER


def grouped(
    service: ServiceDifference,
) -> Iterator[tuple[str, Group, list[Change]]]:
    """Yield the changes of a service: what they are changes of, the group, and its classes."""
    for operation, what in WHAT.items():
        changes = [each for each in service.comparison.changes if each.operations[0] is operation]
        for group in Group:
            classes = [each for each in changes if group_of(each) is group]
            if classes:
                yield what, group, sorted(classes, key=lambda each: len(each.witness))


def print_difference(difference: Difference, *, every: bool = False) -> None:
    """Print what differs, nothing if nothing does; with `every`, all classes of logins."""
    out = console()
    parts = [
        list(_service_lines(service, difference, every=every))
        for service in difference.services
        if service.differs
    ]
    if difference.settings:
        parts.append([(cell("settings that differ", "bold"), 0)])
        parts[-1] += [(_setting_line(*pair), 2) for pair in difference.settings]
    if difference.files:
        parts.append([(cell("files that services read, and that differ", "bold"), 0)])
        parts[-1] += [(cell(name), 2) for name in difference.files]
    for number, part in enumerate(parts):
        if number:
            out.print()
        for text, indent in part:
            # Of a text that is empty, padding leaves no line.
            out.print(Padding(text, (0, 0, 0, indent), expand=False) if text else "")


def _service_lines(
    service: ServiceDifference, difference: Difference, *, every: bool
) -> Iterator[tuple[Text, int]]:
    """Yield the lines about a service, each with how far it is indented."""
    yield _headline(service, difference), 0
    for what, group, classes in grouped(service):
        yield Text(), 0
        title = f"{group}{MARKS.get(group, '')}"
        yield cell(title if what == "logins" else f"{what}: {title}", STYLES[group]), 0
        shown = classes if every else classes[: _SHOWN[group]]
        for change in shown:
            yield from change_lines(change, difference.before, difference.after)
        if len(classes) > len(shown):
            yield cell(f"and {len(classes) - len(shown)} more: --all shows them", "dim"), 2
    if not service.comparison.complete:
        yield cell("Further entries may decide in these cases, too.", "dim"), 0


def _setting_line(one: Setting, other: Setting) -> Text:
    name = cell(f"[{one.section}] {one.name}: ", "cyan")
    return Text.assemble(name, cell(setting_value(one)), " -> ", cell(setting_value(other)))


def setting_value(setting: Setting) -> str:
    """Return the value of a setting as it is shown."""
    return "set, not shown" if setting.secret else value_text(setting.value)


def _headline(service: ServiceDifference, difference: Difference) -> Text:
    number = len(service.comparison.changes)
    parts = []
    if service.only is not None:
        other = service.after if service.only is difference.before else service.before
        parts.append(f"only in {service.only.shown}")
        parts.append(
            "there is no such service without it" if other is None else "other decides without it"
        )
    if number:
        noun = "class" if number == 1 else "classes"
        parts.append(
            f"{number} {noun} of logins come{'s' if number == 1 else ''} to something else"
        )
    elif service.only is not None and service.before and service.after:
        parts.append("the logins come to the same")
    return Text.assemble(cell(service.name, "bold"), cell(f": {'; '.join(parts)}"))


def change_lines(change: Change, before: Side, after: Side) -> Iterator[tuple[Text, int]]:
    """Yield the lines of a class of logins, each with how far it is indented."""
    yield Text.assemble(cell(f"{change.before.outcome} -> {change.after.outcome}", "bold")), 2
    for given in change.witness:
        yield witness_text(given, before, after), 6
    for word, side, conclusion in (("before", before, change.before), ("now", after, change.after)):
        yield (
            Text.assemble(cell(f"{word}: ", "dim"), cell(conclusion_text(conclusion, side))),
            4,
        )


def witness_text(given: Given, before: Side, after: Side) -> Text:
    """Return one answer: who gives it, and where that stands on either side."""
    entry = given.before or given.after
    assert entry is not None  # noqa: S101 - one of both is asked
    again = " again" if given.time else ""
    arguments = f" {' '.join(entry.arguments)}" if entry.arguments else ""
    operation = "" if given.operation is Operation.AUTHENTICATE else f"{given.operation}: "
    return Text.assemble(
        cell(f"{operation}{entry.module}{arguments}", "cyan"),
        cell(f" answers{again} "),
        code_cell(given.code),
        cell(f" ({places(given, before, after)})", "dim"),
    )


def places(given: Given, before: Side, after: Side) -> str:
    """Return where an entry stands on either side that is asked."""
    one = before.place(given.before.source) if given.before else ""
    other = after.place(given.after.source) if given.after else ""
    if one and other:
        return one if one == other else f"before {one}, now {other}"
    return f"before {one}, now not asked" if one else f"before not asked, now {other}"


def conclusion_text(conclusion: Conclusion, side: Side) -> str:
    """Return what a side comes to, and by which entry."""
    if not conclusion.deciding:
        return f"{conclusion.outcome}: no entry decides"
    way = " in ".join(
        f"{entry.module} ({side.place(entry.source)})" for entry in reversed(conclusion.deciding)
    )
    return f"{conclusion.outcome} by {way}"


def difference_json(difference: Difference) -> dict[str, Any]:
    """Return all that differs as one JSON object."""
    before, after = difference.before, difference.after
    return {
        "old": before.shown,
        "new": after.shown,
        "same": not difference.differs,
        "services": [
            {
                "service": service.name,
                "only_in": None if service.only is None else service.only.shown,
                "complete": service.comparison.complete,
                "changes": [
                    _change_json(change, what, group, before, after)
                    for what, group, classes in grouped(service)
                    for change in classes
                ],
            }
            for service in difference.services
            if service.differs
        ],
        "settings": [
            {
                "section": one.section,
                "name": one.name,
                "old": one.value,
                "new": other.value,
                "secret": one.secret or other.secret,
            }
            for one, other in difference.settings
        ],
        "files": difference.files,
    }


def _change_json(
    change: Change, what: str, group: Group, before: Side, after: Side
) -> dict[str, Any]:
    return {
        "of": what,
        "group": str(group),
        "old": _conclusion_json(change.before, before),
        "new": _conclusion_json(change.after, after),
        "when": [
            {
                "operation": str(given.operation),
                "module": entry.module,
                "arguments": list(entry.arguments),
                "code": str(given.code),
                "again": bool(given.time),
                "old": before.place(given.before.source) if given.before else None,
                "new": after.place(given.after.source) if given.after else None,
            }
            for given in change.witness
            if (entry := given.before or given.after)
        ],
    }


def _conclusion_json(conclusion: Conclusion, side: Side) -> dict[str, Any]:
    return {
        "outcome": str(conclusion.outcome),
        "operation": str(conclusion.operation),
        "code": str(conclusion.code),
        "deciding": [
            {"module": entry.module, "entry": side.place(entry.source)}
            for entry in conclusion.deciding
        ],
    }
