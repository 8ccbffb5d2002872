"""Counts service files that were read, and knows the services that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ualauth.errors import ConfigurationError, UnknownService
from ualauth.metrics.families import RELOADS
from ualauth.sources.files import Missing
from ualauth.stack.services import Services

if TYPE_CHECKING:
    from ualauth.metrics.metrics import Metrics


def counting(kind: type[Services], metrics: Metrics) -> type[Services]:
    """Return a subclass that counts."""
    count = metrics.events.count

    class CountingServices(kind):  # type: ignore[misc, valid-type]  # a class that is not known before
        """The compiled services in use, and counted."""

        def _anew(self, name: str, last: Any) -> Any:  # noqa: ANN401 - what it loads
            try:
                fresh = super()._anew(name, last)
            except UnknownService:
                metrics.note_service(name, has_file=False)
                raise
            except ConfigurationError:
                count(RELOADS, "failed")
                raise
            service = fresh.service
            if last is None or service is not last.service:
                own = fresh.files[service.files[0]]
                metrics.note_service(service.name, has_file=not isinstance(own, Missing))
                count(RELOADS, "loaded")
            elif fresh.reported != last.reported:
                # Once for each change that is not used, as the log says it.
                count(RELOADS, "kept")
            return fresh

    return CountingServices
