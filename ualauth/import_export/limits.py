"""What a source says against a user's logins, gathered until it is fields of a record.

Of two statements about the same thing the stricter one counts: the earlier end, the later
beginning, and only the services that both name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ualauth.errors import InvalidValue
from ualauth.import_export.line import Fields
from ualauth.userlist.checks import MAX_LOCK_REASON
from ualauth.userlist.policy import OWN_POLICY, print_own

SERVICES = ("imap", "omslapdeng", "pop3", "smtpd.auth", "ual.remote")
"""The services of the shipped files: what is left where a source closes one of them."""

LONGEST = 36_500
"""The most days that a policy may hold."""


@dataclass(slots=True)
class Limits:
    """The restrictions of one user; a restriction that a source does not have adds nothing."""

    lock_reasons: list[str] = field(default_factory=list)
    starts: datetime | None = None
    ends: datetime | None = None
    password_ends: datetime | None = None
    password_changed: datetime | None = None
    must_change: bool = False
    policy: dict[str, Any] = field(default_factory=dict)

    def lock(self, reason: str) -> None:
        """Lock the user, for a reason that administrators can read."""
        if reason not in self.lock_reasons:
            self.lock_reasons.append(reason)

    def start(self, moment: datetime) -> None:
        """Keep the user out before `moment`."""
        self.starts = moment if self.starts is None else max(self.starts, moment)

    def end(self, moment: datetime) -> None:
        """Keep the user out from `moment` on."""
        self.ends = _earlier(self.ends, moment)

    def end_password(self, moment: datetime) -> None:
        """Take the password for expired from `moment` on."""
        self.password_ends = _earlier(self.password_ends, moment)

    def limit_age(self, days: int) -> None:
        """Let each password expire after some days, a day at least, as policies have it."""
        days = min(max(1, days), LONGEST)
        self.policy["maximum_age_days"] = min(days, self.policy.get("maximum_age_days", days))

    def allow_services(self, services: Iterable[str]) -> None:
        """Keep the user out of other services than these."""
        allowed = sorted(set(services) & set(self.policy.get("allowed_services", services)))
        self._allow("allowed_services", allowed, "no service is allowed")

    def deny_service(self, service: str) -> None:
        """Keep the user out of a service, and out of those that have not been heard of."""
        allowed = self.policy.get("allowed_services", SERVICES)
        self._allow("allowed_services", [each for each in allowed if each != service], service)

    def allow_networks(self, networks: Sequence[str]) -> None:
        """Keep the user out from elsewhere; may be said once only."""
        if "allowed_networks" in self.policy:
            raise InvalidValue("networks: are said twice")
        self._allow("allowed_networks", networks, "no network is allowed")

    def allow_hours(self, hours: Sequence[str]) -> None:
        """Keep the user out at other times, which are UTC; may be said once only."""
        if "allowed_hours" in self.policy:
            raise InvalidValue("hours: are said twice")
        self._allow("allowed_hours", hours, "no hour is allowed")
        self.policy["time_zone"] = "UTC"

    def _allow(self, key: str, values: Sequence[str], nothing: str) -> None:
        # To a policy an empty list is none.
        if not values:
            self.lock(nothing)
        self.policy[key] = list(values)

    def fields(self) -> Fields:
        """Return what is restricted, and nothing of what is not.

        Raises:
            InvalidValue: for what no policy can hold.

        """
        fields: Fields = {
            name: value
            for name, value in (
                ("account_starts", self.starts),
                ("account_expires", self.ends),
                ("password_changed", self.password_changed),
                ("password_expires", self.password_ends),
                ("must_change_password", self.must_change),
                (OWN_POLICY, print_own(self.policy)),
            )
            if value
        }
        if self.lock_reasons:
            fields["locked"] = True
            if reason := "; ".join(filter(None, self.lock_reasons))[:MAX_LOCK_REASON].strip():
                fields["lock_reason"] = reason
        return fields


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
