"""Two sides of a comparison as pictures: what changes, and the stacks with what is different."""

from __future__ import annotations

from collections.abc import Iterator

from ualauth.cli.diff_report import MARKS, Group, change_lines, grouped, setting_value
from ualauth.cli.differences import Difference, ServiceDifference
from ualauth.cli.output import line
from ualauth.cli.picture.html import Drawn, Page, Section, page
from ualauth.cli.picture.rows import Picture, compared, pictures_of
from ualauth.cli.picture.svg import drawing
from ualauth.cli.picture.text import print_compared

Pairs = list[tuple[Picture, Picture]]


def pairs_of(service: ServiceDifference, difference: Difference) -> Pairs:
    """Return the stacks of both sides, type by type; empty where a side has none."""
    if service.before is None or service.after is None:
        return []
    before = pictures_of(service.before, str(difference.before.folder.folder))
    after = pictures_of(service.after, str(difference.after.folder.folder))
    return [compared(*pair) for pair in zip(before, after, strict=True)]


def titles_of(service: ServiceDifference, difference: Difference) -> tuple[str, str]:
    """Return how both sides are called."""
    sides = difference.before, difference.after
    names = [side.shown if side.service else f"{service.name} in {side.shown}" for side in sides]
    return f"before: {names[0]}", f"now: {names[1]}"


def print_stacks(difference: Difference) -> None:
    """Print the stacks of each service that differs, beside each other where there is room."""
    for service in _drawn(difference):
        if service.differs:
            line()
            print_compared(pairs_of(service, difference), titles_of(service, difference))


def compared_html(difference: Difference) -> str:
    """Return one page about all that differs."""
    sections: list[Section] = []
    afterwards: list[Section] = []
    for service in difference.services:
        for group, section in _sections(service, difference):
            (afterwards if group is Group.OTHER else sections).append(section)
    if difference.settings:
        lines = [
            f"[{one.section}] {one.name}: {setting_value(one)} -> {setting_value(other)}"
            for one, other in difference.settings
        ]
        sections.append(Section("settings that differ", [("", lines)]))
    if difference.files:
        sections.append(
            Section("files that services read, and that differ", [("", difference.files)])
        )
    if not difference.differs:
        sections.append(Section("They mean the same.", []))
    drawn = [Drawn(*_columns(service, difference)) for service in _drawn(difference)]
    title = f"{difference.before.shown} and {difference.after.shown} compared"
    return page(Page(title, drawn, sections, afterwards))


def compared_svg(difference: Difference) -> str:
    """Return the stacks of the first service that differs, or of the only one."""
    service = next(iter(_drawn(difference)), difference.services[0])
    return drawing(*_columns(service, difference))


def _drawn(difference: Difference) -> list[ServiceDifference]:
    told = [each for each in difference.services if each.differs] or difference.services[:1]
    return [each for each in told if each.before is not None and each.after is not None]


def _columns(
    service: ServiceDifference, difference: Difference
) -> tuple[list[list[Picture]], tuple[str, str]]:
    pairs = pairs_of(service, difference)
    columns = [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]
    return columns, titles_of(service, difference)


def _sections(
    service: ServiceDifference, difference: Difference
) -> Iterator[tuple[Group | None, Section]]:
    if service.only is not None:
        yield None, Section(f"{service.name}: only in {service.only.shown}", [])
    for what, group, classes in grouped(service):
        lists = []
        for change in classes:
            title, *lines = (
                text.plain for text, _ in change_lines(change, difference.before, difference.after)
            )
            lists.append((title, lines))
        title = f"{service.name}: {group}{MARKS.get(group, '')}"
        title = title if what == "logins" else f"{title}, of {what}"
        yield group, Section(title, lists, is_first=group is Group.LET_IN_NOW)
