"""The configurations of Kerberos that an application uses: one for each om_krb5.conf and line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple, Self

from ualauth.contract.resources import Resources
from ualauth.errors import ConfigurationError
from ualauth.kerberos.client import Client
from ualauth.kerberos.keytab import Keytabs
from ualauth.kerberos.settings import (
    FILE_NAME,
    KerberosSettings,
    Options,
    ReadsSettings,
    rules_of,
)
from ualauth.sources.following import Watched
from ualauth.sources.watched import CLOCK, Clock
from ualauth.stack.folder import FollowedFolder, ServiceFolder
from ualauth.system.forks import new_lock


class _Client(NamedTuple):
    file: Watched[KerberosSettings]
    settings: KerberosSettings
    """As the file has them."""
    client: Client


class Kerberos:
    """Hands out clients; a changed file makes a new one, as soon as it was left alone."""

    def __init__(self, directory: Path, clock: Clock = CLOCK) -> None:
        """Look for om_krb5.conf in that folder, unless a stack line names another file."""
        self.directory = directory
        self._files = FollowedFolder(ServiceFolder(directory / "pam.d"), clock=clock)
        self._keytabs = Keytabs(self._files, clock)
        self._followed: dict[Options, Watched[KerberosSettings]] = {}
        self._clients: dict[Options, _Client] = {}
        self._lock = new_lock()

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls(resources.directory)

    def client_at_hand(self, options: Options) -> Client | None:
        """Return the client for a stack line if its file need not be looked at now."""
        entry = self._clients.get(options)
        return entry.client if entry and entry.file.is_fresh else None

    def client(self, options: Options) -> Client:
        """Return the client for a stack line; blocks.

        Raises:
            ConfigurationError: for every mistake in its file at once.
            UnsteadyFile: if the file is being written, and was never read before.

        """
        with self._lock:
            file = self._file(options)
        settings = file.current()
        if settings is None:
            if options.line.config is not None:
                with self._lock:
                    entry = self._clients.pop(options, None)
                if entry is not None:
                    entry.client.close()
                raise ConfigurationError(f"there is no file {file.path}")
            settings = options.merged("", file.path)
        with self._lock:
            entry = self._clients.get(options)
            if entry is None or entry.settings != settings:
                client = Client(self._located(settings), self._files, self._keytabs)
                if entry is not None:
                    entry.client.close()
                entry = self._clients[options] = _Client(file, settings, client)
            return entry.client

    def _file(self, options: Options) -> Watched[KerberosSettings]:
        if options not in self._followed:
            path = str(options.line.config or FILE_NAME)
            reads = ReadsSettings(options)
            self._followed[options] = self._files.watched(path, reads, rules_of(options))
        return self._followed[options]

    def _located(self, settings: KerberosSettings) -> KerberosSettings:
        """Return settings whose file of principals is found from the configuration folder."""
        named = settings.principal_map
        if named is None:
            return settings
        return dataclasses.replace(settings, principal_map=self.directory / named)

    def close(self) -> None:
        """Give up what is kept."""
        with self._lock:
            for entry in self._clients.values():
                entry.client.close()
            self._clients.clear()
            self._keytabs.close()
