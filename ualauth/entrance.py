"""What both ways in share: the services, the modules and what they use.

Everything is opened and imported when it is first needed, so that a service
that needs no USERLIST never loads the libraries behind it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast

from ualauth.attempt import LiveAttempt
from ualauth.config import Config
from ualauth.errors import ModuleUnavailable
from ualauth.registry import ModuleRegistry
from ualauth.services import Services
from ualauth.stack.engine import Frozen
from ualauth.stack.files import ServiceFolder
from ualauth.visit import Visit
from ualauth.visit_state import NoUserlist

if TYPE_CHECKING:
    from ualauth.userlist.cache import Known, UserCache

T = TypeVar("T")


class Peer(TypedDict, total=False):
    """What the application knows of the peer."""

    rhost: str | None
    """Its host name or address."""
    ruser: str | None
    """The user on whose behalf it asks, as it says."""
    tty: str | None
    """The terminal, or what stands for one."""
    tls: bool
    """Whether the connection is encrypted."""
    caller_uid: int | None
    """The UNIX uid of the calling process, from the kernel."""


_PEER = Peer.__optional_keys__


class Entrance:
    """Builds visits from a configuration."""

    def __init__(self, config: Config) -> None:
        """Remember the configuration; opens nothing."""
        self.config = config
        path = [str(config.directory / folder) for folder in config.modules.path]
        self.registry = ModuleRegistry(path, config.modules.allow)
        self.services = Services(
            ServiceFolder(config.service_folder, trusting=config.dialect.trusting),
            self.registry.find,
            config.dialect,
        )
        self._frozen = Frozen(config.dialect.jump_counts_when_frozen)
        self._shared: dict[type, Any] = {}
        self._users: UserCache | None = None
        self._lock = threading.RLock()

    def visit(self, service: str, user: str | None, **peer: Unpack[Peer]) -> Visit:
        """Begin a visit of `user` to `service`.

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        compiled = self.services.load(service)
        users = self if self._users is None else self._users
        attempt = LiveAttempt(compiled.name, self.resource, users)
        attempt.user = attempt.login_name = user
        for name, value in peer.items():
            if name not in _PEER:
                raise TypeError(f"unknown keyword {name!r}; a peer has {', '.join(sorted(_PEER))}")
            # False is equal to root's uid.
            if name == "caller_uid" and value is not None and type(value) is not int:
                raise TypeError("caller_uid takes a number, or None")
            setattr(attempt, name, value)
        return Visit(compiled, attempt, self.services.load, self._frozen)

    def recall(self, name: str) -> Known | None:
        """Return whom the USERLIST is known for sure to have by that name; never waits."""
        users = self._users
        return None if users is None else users.recall(name)

    def read(self, name: str) -> Known | None:
        """Return whom the USERLIST has by that name, or `None` if there is none; blocks.

        Raises:
            StoreError: if the USERLIST cannot be read.
            NoUserlist: if there is none.

        """
        if self._users is None:
            if not self.config.has_userlist:
                raise NoUserlist
            from ualauth.userlist.cache import UserCache  # noqa: PLC0415 - loads SQLAlchemy

            self._users = self.resource(UserCache)
        return self._users.read(name)

    def resource(self, kind: type[T]) -> T:
        """Return what this application shares among modules.

        Raises:
            ModuleUnavailable: if there is nothing of that kind.

        """
        made: T | None = self._shared.get(kind)
        if made is not None:
            return made
        with self._lock:
            made = self._shared.get(kind) or self._make(kind)
            self._shared[kind] = made
        return cast("T", made)

    def _make(self, kind: type[Any]) -> Any:  # noqa: ANN401 - one of several
        from ualauth.passwords.schemes import PasswordHasher  # noqa: PLC0415 - loads libpass
        from ualauth.userlist.cache import UserCache  # noqa: PLC0415 - loads SQLAlchemy
        from ualauth.userlist.store import UserStore  # noqa: PLC0415 - likewise

        if kind is UserStore:
            return UserStore(self.config.userlist_url, timeout=self.config.userlist.timeout)
        if kind is UserCache:
            return UserCache(self.resource(UserStore), self.config.policy, self.config.cache)
        if kind is PasswordHasher:
            settings = self.config.password
            return PasswordHasher(settings.scheme, settings.profile)
        raise ModuleUnavailable(f"this application shares no {kind.__name__}")

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            for made in self._shared.values():
                if hasattr(made, "close"):
                    made.close()
            self._shared.clear()
            self._users = None
