"""Logins that repeat granted ones, answered without a coroutine, an exchange or a handle.

For a server that has read many requests at a time: one look at the version of the USERLIST
serves for all of them, as it is taken after each of them was read. What is not remembered, or
is to be recorded, or needs any further look, is not answered here and goes the usual way.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ualauth.runtime import audit
from ualauth.runtime.remembered_verdicts import Key, key_of
from ualauth.sasl.mechanism import MAX_RESPONSE

if TYPE_CHECKING:
    from ualauth.contract.identity import Identity
    from ualauth.runtime.base import BaseAuthenticator
    from ualauth.runtime.peer import ConnectionInfo, Peer
    from ualauth.runtime.remembered_verdicts import Seen
    from ualauth.stack.model import Service

_INFO = logging.INFO
_is_logged = audit.log.isEnabledFor
_PLAIN = "PLAIN"
_OF_CHANNEL = frozenset({"channel_binding", "certificate"})


class AtOnce:
    """Answers for requests that were all read before it was made; it is for those alone."""

    def __init__(self, base: BaseAuthenticator) -> None:
        """Look at nothing yet."""
        self._base = base
        self._verdicts = base.verdicts
        if base.is_observed or audit.listeners or _is_logged(_INFO):
            # Each login is told of.
            self._verdicts = None
        self._seen: Seen | None = None
        self._services: dict[str, Service | None] = {}
        self.due_soon: list[str] = []
        """Services whose files are to be looked at before long: by the caller, in a thread."""

    def login(self, service: str, user: str, password: str, peer: Peer) -> Identity | None:
        """Return who is let in by name and password, if `authenticate` would do it at once."""
        compiled = self._service(service)
        key = None if compiled is None else key_of(service, user, peer)
        return None if compiled is None or key is None else self._find(key, password, compiled)

    def plain(self, service: str, response: bytes, connection: ConnectionInfo) -> Identity | None:
        """Return who is let in by PLAIN and an initial response, if an exchange would at once.

        Whether the service offers PLAIN on this connection need not be asked: a verdict of this
        mechanism, of the very compiled service and of a connection like this one was granted by
        an exchange, for which it was.
        """
        compiled = self._service(service)
        is_usual = len(response) <= MAX_RESPONSE and _OF_CHANNEL.isdisjoint(connection)
        if compiled is None or not is_usual:
            return None
        try:
            authorization, user, password = response.decode().split("\0")
        except ValueError:
            # Not UTF-8, or not three parts.
            return None
        # Other names have to be prepared.
        if authorization not in {"", user} or not user.isascii():
            return None
        key = key_of(compiled.name, user, connection, _PLAIN)
        return None if key is None else self._find(key, password, compiled)

    def _service(self, name: str) -> Service | None:
        """Return the service in use; `None` if its files are due for a look."""
        if name not in self._services:
            services = self._base.services
            is_fresh = self._verdicts is not None and services.is_fresh(name)
            self._services[name] = services.load(name) if is_fresh else None
            if services.is_due_soon(name):
                self.due_soon.append(name)
        return self._services[name]

    def _find(self, key: Key, password: str, service: Service) -> Identity | None:
        verdicts, seen = self._verdicts, self._seen
        assert verdicts is not None  # noqa: S101 - for mypy
        if seen is None:
            seen = self._seen = verdicts.look()
        verdict = verdicts.find(key, password, service, seen)
        return verdict.identity if verdict is not None and verdict.is_confirmed else None
