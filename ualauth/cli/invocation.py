"""What the commands of one call share: the configuration, and what it opens."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ualauth.text.closest import closest

if TYPE_CHECKING:
    from ualauth.config.config import Config
    from ualauth.passwords.schemes import PasswordHasher
    from ualauth.runtime.base import BaseAuthenticator
    from ualauth.stack.model import Service
    from ualauth.userlist.store import UserStore


class Invocation:
    """One call of the program; reads and opens what a command asks for, and nothing else."""

    def __init__(self, directory: str | None, actor: str | None = None) -> None:
        """Keep the configuration folder that was named, if one was, and who acts."""
        self.directory = directory
        self._actor = actor
        self._compiled: dict[str, Service] = {}

    @cached_property
    def config(self) -> Config:
        """The configuration; `ConfigurationError` if it cannot be used."""
        from ualauth.config.config import Config  # noqa: PLC0415 - help needs no configuration

        return Config.load(self.directory)

    @cached_property
    def settings(self) -> Config:
        """The configuration, or the defaults where no folder was named and none exists."""
        from ualauth.config.config import DEFAULT_DIRECTORY, Config  # noqa: PLC0415 - likewise

        if self.directory is None and not DEFAULT_DIRECTORY.exists():
            return Config(DEFAULT_DIRECTORY)
        return self.config

    @cached_property
    def base(self) -> BaseAuthenticator:
        """The services and modules of the configuration."""
        from ualauth.runtime.base import BaseAuthenticator  # noqa: PLC0415 - likewise

        return BaseAuthenticator(self.config)

    @cached_property
    def store(self) -> UserStore:
        """The USERLIST as who acts sees it; `StoreError` if there is none that can be used."""
        from ualauth.userlist.store import UserStore  # noqa: PLC0415 - likewise

        store = self.base.resource(UserStore)
        store.check()
        if self._actor is None:
            return store
        if self.config.userlist.hosting and not store.companies.is_hosting:
            # An administrator of a company would be one of the server.
            from ualauth.errors import ActorRefused  # noqa: PLC0415 - likewise

            raise ActorRefused(
                "[userlist] hosting is true, and the USERLIST hosts no companies: "
                "ualauth company hosting on"
            )
        return store.seen_by_actor(self._actor)

    @cached_property
    def hasher(self) -> PasswordHasher:
        """What hashes new passwords, as the configuration says."""
        from ualauth.passwords.schemes import PasswordHasher  # noqa: PLC0415 - likewise

        return self.base.resource(PasswordHasher)

    def compiled(self, service: str) -> Service:
        """Return a service as its files are now; they are read once in a command.

        Raises:
            ServiceFileError: if the files cannot be used.

        """
        compiled = self._compiled.get(service)
        if compiled is None:
            compiled = self._compiled[service] = self.base.services.compile(service)
        return compiled

    def has_file(self, service: str) -> bool:
        """Return whether a service has a file of its own, and is not left to `other`."""
        from ualauth.sources.files import Missing  # noqa: PLC0415 - likewise
        from ualauth.stack.folder import service_name  # noqa: PLC0415 - likewise

        name = service_name(service, self.config.dialect)
        return not isinstance(self.base.services.folder.read(name), Missing)

    def near(self, service: str) -> str:
        """Say why the file of a service is not used, or which service may be meant instead."""
        folder = self.base.services.folder
        if service in folder.dangling():
            return "; the link of that name leads nowhere"
        names = folder.services()
        if service in names:
            return "; the file of that name is never used: names are read in lower case"
        meant = closest(service[:64], [name for name in names if name.islower()])
        return f"; did you mean {meant!r}?" if meant else ""

    def close(self) -> None:
        """Close what was opened."""
        if "base" in vars(self):
            self.base.close()
