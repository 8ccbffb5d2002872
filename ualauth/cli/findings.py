"""What the stacks of services can come to that was surely not meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ualauth.cli.invocation import Invocation
from ualauth.codes import ModuleType
from ualauth.sources.files import Text
from ualauth.sources.problem import Problem
from ualauth.stack.analysis.finding import Finding
from ualauth.stack.analysis.findings import findings_of
from ualauth.stack.comments import Commented
from ualauth.stack.model import Service


def findings_in(invocation: Invocation, services: Iterable[Service]) -> Iterator[Problem]:
    """Yield the findings, each once, that no comment in the service files allows."""
    seen: set[tuple[str, str]] = set()
    for service in services:
        for finding in findings_of(service):
            place = finding.name, str(finding.source)
            if place not in seen:
                seen.add(place)
                yield from _placed(invocation, finding)


def fragments(services: Mapping[str, Service]) -> frozenset[str]:
    """Return the names of files that other services include, and that are no whole service.

    What they come to depends on what stands around them, and is judged there.
    """
    included: dict[str, set[str]] = {}
    for name, service in services.items():
        for path in service.files[1:]:
            included.setdefault(path, set()).add(name)
    return frozenset(
        name
        for name, service in services.items()
        if included.get(service.files[0], set()) - {name} and not _is_whole(service)
    )


def _is_whole(service: Service) -> bool:
    """Return whether a service has its own lines for every login."""
    return service.lacking.isdisjoint({ModuleType.AUTH, ModuleType.ACCOUNT})


def _placed(invocation: Invocation, finding: Finding) -> Iterator[Problem]:
    problem = Problem(
        finding.source,
        finding.text,
        finding.cure,
        warning=True,
        name=finding.name,
        when=finding.when,
    )
    file = invocation.base.services.folder.read(finding.source.file)
    text = file.text if isinstance(file, Text) else ""
    placed = Commented(finding.source.file, text).placed(problem)
    if placed is not None:
        yield placed
