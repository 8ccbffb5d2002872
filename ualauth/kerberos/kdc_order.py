"""The order in which KDCs are asked: one that answers comes before those that keep silent.

libkrb5 begins every request with the first KDC of krb5.conf or DNS, and waits a second for each
that says nothing; a login is three requests. What its trace tells of one login is
enough to know which KDC answers. That one is put in front for the next logins, by a
few lines of krb5.conf that come before the rest: the others stay where they are, for when
it fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ualauth.system.forks import new_lock

SLOW = 0.5
"""Seconds of a request that are a reason to find out which KDC is silent; libkrb5 waits one."""
_SENDING = re.compile(
    r"Sending (?:[\w-]+ )?request \(\d+ bytes\) to (\S+?)( \((?:primary|master)\))?$"
)
_ASKED = re.compile(r"(?:Sending initial UDP request|Initiating TCP connection) to (\w+) (\S+)$")
_ANSWERED = re.compile(r"Received answer \(\d+ bytes\) from (\w+) (\S+)$")
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)
_UDP, _TCP = "dgram", "stream"


@dataclass(slots=True)
class _Request:
    """One request, as the trace of its context tells of it."""

    realm: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Preferred:
    kdc: str
    over_tcp: bool


class KdcOrder:
    """What is known of the KDCs of one configuration; for one thread or many."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._lock = new_lock()
        self._preferred: dict[str, _Preferred] = {}
        self.version = 0
        """Changes when another KDC comes first."""
        self.is_unknown = True
        """Whether the next request should be traced."""

    @property
    def prefers(self) -> bool:
        """Whether a KDC was put in front."""
        return bool(self._preferred)

    def listener(self) -> KdcListener:
        """Return what the trace of one context is told to."""
        return KdcListener(self)

    def answered(self, request: _Request, kind: str, address: str) -> None:
        """Note who answered a request."""
        if kind not in {_UDP, _TCP} or not _PLAIN.fullmatch(request.realm):
            # A proxy (https): it stands for all KDCs.
            return
        first = not request.asked or request.asked[0] == (kind, address)
        with self._lock:
            self.is_unknown = False
            if first:
                return
            over_tcp = kind == _TCP and (_UDP, address) in request.asked
            self._preferred[request.realm] = _Preferred(address, over_tcp)
            self.version += 1

    def forget(self) -> None:
        """Put no KDC in front any more: none answered."""
        with self._lock:
            self.is_unknown = True
            if self._preferred:
                self._preferred.clear()
                self.version += 1

    def text(self) -> str:
        """Return the lines of krb5.conf that put KDCs in front; empty if none are."""
        with self._lock:
            preferred = dict(self._preferred)
        if not preferred:
            return ""
        lines = []
        if any(each.over_tcp for each in preferred.values()):
            # What answers by TCP alone is asked by TCP first; UDP stays the second way.
            lines += ["[libdefaults]", "  udp_preference_limit = 1"]
        lines.append("[realms]")
        for realm, each in preferred.items():
            lines += [f"  {realm} = {{", f"    kdc = {_written(each.kdc)}", "  }"]
        return "".join(f"{line}\n" for line in lines)


class KdcListener:
    """Hears the trace of one context, request by request."""

    __slots__ = ("_order", "_request")

    def __init__(self, order: KdcOrder) -> None:
        """Begin between two requests."""
        self._order = order
        self._request = _Request()

    def tell(self, line: str) -> None:
        """Take a line of the trace."""
        line = line.rstrip()
        if (match := _SENDING.search(line)) is not None:
            # The primary is asked for its say about a wrong password, and not in the place
            # of the others.
            self._request = _Request("" if match[2] else match[1])
        elif (match := _ASKED.search(line)) is not None:
            self._request.asked.append((match[1], match[2]))
        elif (match := _ANSWERED.search(line)) is not None:
            self._order.answered(self._request, match[1], match[2])


def _written(address: str) -> str:
    """Return an address of the trace as krb5.conf has it: those of IPv6 have brackets."""
    host, _, port = address.rpartition(":")
    return f"[{host}]:{port}" if ":" in host else address
