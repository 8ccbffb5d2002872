"""What a server says of itself and of its policy, as far as binds go: asked for once a second."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

from ualauth.ldap.client.interface import DirectoryOperations
from ualauth.ldap.client.values import Requester, Search
from ualauth.ldap.rules.products import (
    BIND_ATTRIBUTES,
    Product,
    asks_others,
    has_policies,
    product,
)
from ualauth.ldap.rules.unchanged import ETERNAL

_FRESH = 1.0
"""Seconds for which it holds what a server says of itself, and of a policy."""


class ServerKind(NamedTuple):
    """What a server says of itself."""

    product: Product
    policies: bool


class Facts(NamedTuple):
    """What must not have become another one: the server, and whether its policy ends passwords."""

    server: ServerKind
    eternal: bool


class Unknown(Exception):
    """Another login asks at this moment."""


@dataclass(slots=True)
class _Told:
    """What was told, and when it was asked for."""

    facts: Facts | None = None
    moment: float = -math.inf
    asked: float = -math.inf
    """When it was asked for last, whether there is an answer or not."""


class ServerFacts:
    """The facts of all servers of a directory, by their names."""

    def __init__(self) -> None:
        """Begin with none."""
        self._told: dict[tuple[str, str], _Told] = {}

    async def of(
        self, operations: DirectoryOperations, requester: Requester, server: str, policy: str
    ) -> Facts | None:
        """Return what the server of this name says of itself, and of a policy if there is one.

        Raises:
            Unknown: if another login asks at this moment.

        """
        told, asked = self._told_of(server, policy)
        if asked is None:
            return told.facts
        entries = await operations.search(requester, Search("", attributes=BIND_ATTRIBUTES))
        if not entries or entries[0].server != server:
            return None
        itself, eternal = entries[0], True
        if policy:
            # Whether time alone ends a password, as far as OpenLDAP's policy goes.
            search = Search(policy, filter_text=ETERNAL)
            entries = await operations.search(requester, search)
            eternal = bool(entries) and entries[0].server == server
        kind = Product.OTHER if asks_others(itself) else product(itself)
        told.facts, told.moment = Facts(ServerKind(kind, has_policies(itself)), eternal), asked
        return told.facts

    def _told_of(self, server: str, what: str) -> tuple[_Told, float | None]:
        """Return what was told, and `None`, or the time at which the caller begins to ask anew.

        Of many that need it at the same time, one asks; the others take what was told a
        moment before that.

        Raises:
            Unknown: if that was too long ago.

        """
        now = time.monotonic()
        told = self._told.setdefault((server, what), _Told())
        if now - told.moment < _FRESH:
            return told, None
        if now - told.asked >= _FRESH:
            told.asked = now
            return told, now
        if now - told.moment < 2 * _FRESH:
            return told, None
        raise Unknown
