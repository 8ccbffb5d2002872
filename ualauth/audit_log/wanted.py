"""What is looked for in the log."""

from __future__ import annotations

from collections.abc import Sequence

from ualauth.audit_log.record import Logged
from ualauth.system.networks import Network, is_within, read_address
from ualauth.text.dataclass import dataclass
from ualauth.text.folding import fold


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records that are looked for; what is empty wants all."""

    users: Sequence[str] = ()
    """Folded names, as typed or as resolved."""
    services: Sequence[str] = ()
    networks: Sequence[Network] = ()
    hosts: Sequence[str] = ()
    """Host names in lower case, where the log has no address."""
    reasons: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    since: float | None = None
    until: float | None = None

    def has(self, record: Logged) -> bool:
        """Return whether a record is looked for; one without a time is in no span of time."""
        return (
            self._is_in_time(record.time)
            and (not self.outcomes or record.outcome in self.outcomes)
            and (not self.reasons or record.text("reason") in self.reasons)
            and (not self.services or record.text("service").lower() in self.services)
            and (not self.users or self._is_of_user(record))
            and (not (self.networks or self.hosts) or self._is_from(record.text("rhost")))
        )

    def _is_in_time(self, moment: float | None) -> bool:
        if moment is None:
            return self.since is None and self.until is None
        return (self.since is None or moment >= self.since) and (
            self.until is None or moment < self.until
        )

    def _is_of_user(self, record: Logged) -> bool:
        names = (record.text(each) for each in ("login_name", "user", "acts_for"))
        return any(name and fold(name) in self.users for name in names)

    def _is_from(self, rhost: str) -> bool:
        return rhost.lower() in self.hosts or is_within(read_address(rhost), self.networks)
