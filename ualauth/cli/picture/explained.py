"""The ways of one login on a page, with the stacks through which they lead."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby

from ualauth.cli.picture.html import Drawn, Page, Section, page
from ualauth.cli.picture.rows import pictures_of
from ualauth.cli.ways import leads_to, place_of
from ualauth.explaining.explanation import Explanation, Way
from ualauth.explaining.replies import PROTOCOLS
from ualauth.runtime.audit import level_of
from ualauth.runtime.trace import TraceStep
from ualauth.stack.model import Service


def explained_html(
    explanation: Explanation, service: Service, folder: str, title: str, ways: Sequence[str]
) -> str:
    """Return a page; `ways` has the title of each way, and what decides stands in the first one."""
    sections = [
        Section(name, list(_lists(way, folder)))
        for name, way in zip(ways, explanation.ways, strict=False)
    ]
    pictures = pictures_of(service, folder)
    return page(Page(title, [Drawn([pictures], [service.name])], sections))


def _lists(way: Way, folder: str) -> Iterator[tuple[str, list[str]]]:
    for operation, some in groupby(way.steps, key=lambda each: each.step.operation):
        yield str(operation), [_told(each.step, folder) for each in some]
    reason = "" if way.reason is None else f" ({way.reason})"
    deciding = way.deciding
    by = [way.remark] if way.remark else []
    if deciding is not None:
        where = place_of(deciding.file, deciding.line, folder)
        by = [f"{deciding.module} ({where}): {way.remark or deciding.remark}"]
    told = [f"The user is told: {message}" for message in way.messages]
    yield f"Conclusion: {way.outcome}{reason}", [*by, *told]
    yield "The client is told", [f"{name}: {way.replies[key]}" for key, name in PROTOCOLS.items()]
    level = logging.getLevelName(level_of(way.record.outcome, way.record.event))
    yield "The log says", [f"{level} {way.log}"]


def _told(step: TraceStep, folder: str) -> str:
    remark = f" ({step.remark})" if step.remark else ""
    where = place_of(step.file, step.line, folder)
    return f"{where} {step.module} answers {step.code}{remark}: {leads_to(step)}"
