"""What the entries of an application share: opened when it is first needed, closed with it.

    class Counters:
        '''The counters of an application.'''

        @classmethod
        def open(cls, resources: Resources) -> Self:
            return cls(resources.directory / "counters")

        def close(self) -> None: ...

    counters = attempt.resource(Counters)

There is one of each kind in an application, for all entries, threads and logins.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

R = TypeVar("R")


class Resources(Protocol):
    """What a resource is opened with."""

    @property
    def directory(self) -> Path:
        """The configuration folder."""
        ...

    @property
    def config(self) -> Any:  # noqa: ANN401 - of a layer above this one
        """The whole configuration (`ualauth.config.config.Config`)."""
        ...

    def resource(self, kind: type[R]) -> R:
        """Return another resource, which is closed after this one.

        Raises:
            ModuleUnavailable: if this application has none of that kind.

        """
        ...

    def secret(self) -> bytes:
        """Return a key that only this installation knows; blocks.

        It is the same in all processes that share a USERLIST, and one of its own in an
        application without.

        Raises:
            StoreError: if the USERLIST cannot be read.

        """
        ...


class Resource(Protocol):
    """What `Attempt.resource` can open.

    A resource that has a method `close` is closed by the application's `close`, once: it
    MUST leave no thread, socket or file behind. Calls that still run then MUST end by
    themselves, and MUST NOT grant.

    One that asks servers MAY have a method `server_states`, which never waits: it returns pairs,
    each the name of a server, without a password, and whether it answered the last time.
    """

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """Return the one of an application; it MAY block, and SHOULD open nothing before it has to.

        It is called under a lock: by one thread, once.
        """
        ...
