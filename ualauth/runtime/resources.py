"""What the entries of an application share, each opened when it is first asked for.

Nothing here knows the kinds: a kind opens itself (`ualauth.contract.resources`), so that
what no service needs is never imported.
"""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from ualauth.config.config import Config
from ualauth.errors import ModuleUnavailable
from ualauth.system.forks import new_rlock

R = TypeVar("R")

log = logging.getLogger("ualauth.runtime")


class Resources:
    """The resources of one application; see the protocol of that name."""

    def __init__(
        self,
        config: Config,
        permanent: Mapping[type[Any], Any],
        place_taker: Callable[[type[Any]], type[Any]],
    ) -> None:
        """Open nothing; what is `permanent` is there from the beginning, and is never closed.

        `place_taker` returns the class that is opened for a kind: itself, or a subclass.
        """
        self.config = config
        self._place_taker = place_taker
        self._permanent = dict(permanent)
        self._open: dict[type[Any], Any] = dict(permanent)
        self._lock = new_rlock()

    @property
    def directory(self) -> Path:
        """See `Resources.directory`."""
        return self.config.directory

    def resource(self, kind: type[R]) -> R:
        """See `Resources.resource`."""
        resource: R | None = self._open.get(kind)
        return self._opened(kind) if resource is None else resource

    def secret(self) -> bytes:
        """See `Resources.secret`."""
        if not self.config.has_userlist:
            return secrets.token_bytes(32)
        from ualauth.userlist.store import UserStore  # noqa: PLC0415 - loads SQLAlchemy

        return self.resource(UserStore).mock_key() or secrets.token_bytes(32)

    def server_states(self) -> dict[str, bool]:
        """Return the servers that are asked, by name, and whether each answered the last time."""
        with self._lock:
            opened = list(self._open.values())
        states: dict[str, bool] = {}
        for each in opened:
            if hasattr(each, "server_states"):
                for name, is_up in each.server_states():
                    states[name] = is_up and states.get(name, True)
        return states

    def _opened(self, kind: type[R]) -> R:
        with self._lock:
            # Another thread may have been faster.
            if kind not in self._open:
                opener = getattr(self._place_taker(kind), "open", None)
                if not inspect.ismethod(opener):
                    raise ModuleUnavailable(f"this application shares no {kind.__name__}")
                self._open[kind] = opener(self)
            return cast("R", self._open[kind])

    def close(self) -> None:
        """Close all that was opened, the last one first."""
        with self._lock:
            opened = [each for kind, each in self._open.items() if kind not in self._permanent]
            self._open = dict(self._permanent)
        for each in reversed(opened):
            if hasattr(each, "close"):
                try:
                    each.close()
                except Exception as error:  # noqa: BLE001 - the others have to be closed, too
                    kind = type(each).__name__
                    log.error("%s cannot be closed: %s", kind, type(error).__name__)  # noqa: TRY400
