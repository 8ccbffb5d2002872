"""The table of metrics: names, labels, buckets, and what the labels may say.

Names follow Prometheus: base units in the name, `_total` for counters. No label ever says a
user's name, an address or a domain of mail; what a label may say is fixed: here, by the service
files, and by what is installed. What is none of these is `other`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal

from ualauth.codes import ReturnCode
from ualauth.runtime.outcome import Outcome
from ualauth.text.dataclass import dataclass

OTHER = "other"
"""Stands for a service without a file of its own, a mechanism or a module that is not known."""
PASSWORD = "password"  # noqa: S105 - the label
"""Stands for the mechanism of a login without SASL."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of seconds; Postfix waits for an answer for 10 seconds."""

LOGINS = "ualauth_logins_total"
LOGIN_SECONDS = "ualauth_login_seconds"
ABANDONED = "ualauth_abandoned_logins_total"
MODULE_SECONDS = "ualauth_module_seconds"
MODULE_RESULTS = "ualauth_module_results_total"
HASHES = "ualauth_hashes_in_progress"
HASH_QUEUE = "ualauth_hash_queue_seconds"
CACHE = "ualauth_cache_events_total"
DIRECTORY_UP = "ualauth_directory_up"
DIRECTORY_SECONDS = "ualauth_directory_seconds"
LOCKOUTS = "ualauth_lockouts_total"
RELOADS = "ualauth_service_file_reloads_total"
BUILD = "ualauth_build_info"


class Type(enum.Enum):
    """What a metric is, by Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    """It has the buckets of `SECONDS`."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its labels."""

    name: str
    type: Type
    help: str
    labels: Mapping[str, tuple[str, ...] | str]
    """Label -> what it may say: the values, or in words where they come from."""
    combined: Literal["livesum", "livemin", "max"] = "max"
    """For a gauge: what several processes amount to (prometheus_client's `multiprocess_mode`)."""

    @property
    def values(self) -> tuple[str, ...]:
        """All that its only label may say, if that is fixed here; else nothing."""
        values = next(iter(self.labels.values())) if len(self.labels) == 1 else ()
        return () if isinstance(values, str) else values

    @property
    def is_set(self) -> bool:
        """Whether it says how something is, and is no sum."""
        return self.type is Type.GAUGE and self.combined != "livesum"


_SERVICE = "services with a file of their own in `pam.d`, and `other`"
_MECHANISM = "`password`, installed SASL mechanisms, and `other`"
_MODULE = "installed modules, and `other`"
_OUTCOMES = tuple(str(each) for each in Outcome if each is not Outcome.UNSUITABLE)

FAMILIES: Mapping[str, Family] = {
    each.name: each
    for each in (
        Family(
            LOGINS,
            Type.COUNTER,
            "Logins that were decided.",
            {"service": _SERVICE, "mechanism": _MECHANISM, "outcome": _OUTCOMES},
        ),
        Family(
            LOGIN_SECONDS,
            Type.HISTOGRAM,
            "How long logins took, without the time of person and client.",
            {},
        ),
        Family(
            ABANDONED,
            Type.COUNTER,
            "Logins that were given up by client or application before they were decided.",
            {"service": _SERVICE, "mechanism": _MECHANISM},
        ),
        Family(
            MODULE_SECONDS,
            Type.HISTOGRAM,
            "How long modules took to answer, without the time of person and client.",
            {"module": _MODULE},
        ),
        Family(
            MODULE_RESULTS,
            Type.COUNTER,
            "What modules answered.",
            {"module": _MODULE, "code": tuple(str(code) for code in ReturnCode)},
        ),
        Family(HASHES, Type.GAUGE, "Passwords that are being hashed.", {}, "livesum"),
        Family(HASH_QUEUE, Type.HISTOGRAM, "How long passwords waited to be hashed.", {}),
        Family(
            CACHE,
            Type.COUNTER,
            "Records of the USERLIST and passwords that were remembered, or were not.",
            {"event": ("record_hit", "record_miss", "password_hit", "password_miss")},
        ),
        Family(
            DIRECTORY_UP,
            Type.GAUGE,
            "Whether an LDAP server answered when it was asked for the last time.",
            {"server": "servers of `om_ldap.conf`, or of DNS where that is asked for them"},
            "livemin",
        ),
        Family(DIRECTORY_SECONDS, Type.HISTOGRAM, "How long requests to LDAP servers took.", {}),
        Family(
            LOCKOUTS,
            Type.COUNTER,
            "Names as typed, and users, that were locked out for too many failed logins.",
            {"kind": ("name", "user")},
        ),
        Family(
            RELOADS,
            Type.COUNTER,
            "Services compiled from their files: `kept` if the last good ones stay in use.",
            {"result": ("loaded", "kept", "failed")},
        ),
        Family(
            BUILD, Type.GAUGE, "The version of ualauth, as a label.", {"version": "that of ualauth"}
        ),
    )
}
"""Name -> metric."""
