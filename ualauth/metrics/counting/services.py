"""Counts service files that were read, and knows the services that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ualauth.errors import ConfigurationError, UnknownService
from ualauth.metrics.families import FAMILIES, RELOADS
from ualauth.sources.files import Missing
from ualauth.stack.services import Services

if TYPE_CHECKING:
    from ualauth.metrics.metrics import Metrics


def counting(kind: type[Services], metrics: Metrics) -> type[Services]:
    """Return a subclass that counts."""
    events = metrics.events
    loaded, unchanged, failed = (events.amount(RELOADS, each) for each in FAMILIES[RELOADS].values)

    class CountingServices(kind):  # type: ignore[misc, valid-type]  # a class that is not known before
        """The compiled services in use, and counted."""

        def _anew(self, name: str, last: Any) -> Any:  # noqa: ANN401 - what it loads
            try:
                fresh = super()._anew(name, last)
            except UnknownService:
                metrics.note_service(name, has_file=False)
                raise
            except ConfigurationError:
                events.add(failed, 1.0)
                raise
            service = fresh.service
            if last is None or service is not last.service:
                own = fresh.files[service.files[0]]
                metrics.note_service(service.name, has_file=not isinstance(own, Missing))
                events.add(loaded, 1.0)
            elif fresh.reported != last.reported:
                # Once for each change that is not used, as the log says it.
                events.add(unchanged, 1.0)
            return fresh

    return CountingServices
