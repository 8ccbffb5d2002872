"""The configurations of Kerberos that an application uses: one for each om_krb5.conf and line."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import NamedTuple, Self

from ualauth.contract.resources import Resources
from ualauth.errors import ConfigurationError
from ualauth.kerberos.client import Client
from ualauth.kerberos.settings import FILE_NAME, KerberosSettings, Options
from ualauth.sources.files import Found, settings_of
from ualauth.sources.watched import CHECK_INTERVAL, CLOCK, LOOK_AGAIN, Clock, wait_for
from ualauth.stack.folder import FollowedFolder, ServiceFolder


class _Client(NamedTuple):
    found: Found
    client: Client
    next_check: float


class Kerberos:
    """Hands out clients; a changed file makes a new one, as soon as it was left alone."""

    def __init__(self, directory: Path, clock: Clock = CLOCK) -> None:
        """Look for om_krb5.conf in that folder, unless a stack line names another file."""
        self.directory = directory
        self._clock = clock
        self._files = FollowedFolder(ServiceFolder(directory), clock=clock)
        self._clients: dict[Options, _Client] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls(resources.directory)

    def client_at_hand(self, options: Options) -> Client | None:
        """Return the client for a stack line if its file need not be looked at now."""
        kept = self._clients.get(options)
        return kept.client if kept and self._clock.monotonic() < kept.next_check else None

    def client(self, options: Options) -> Client:
        """Return the client for a stack line; blocks.

        Raises:
            ConfigurationError: for every mistake in its file at once.
            UnsteadyFile: if the file is being written, and was never read before.

        """
        return wait_for(lambda: self._client(options), self._clock)

    def _client(self, options: Options) -> Client:
        named = options.line.config
        path = str(self.directory / (named or FILE_NAME))
        with self._lock:
            found = self._files.current(path)
            kept = self._clients.get(options)
            if kept is not None and kept.found is found:
                client = kept.client
            else:
                text = settings_of(found)
                if text is None and named is not None:
                    raise ConfigurationError(f"there is no file {path}")
                client = Client(self._located(options.merged(text or "", path)), self._files)
                if kept is not None:
                    kept.client.close()
            interval = LOOK_AGAIN if self._files.is_changing([path]) else CHECK_INTERVAL
            self._clients[options] = _Client(found, client, self._clock.monotonic() + interval)
            return client

    def _located(self, settings: KerberosSettings) -> KerberosSettings:
        """Return settings whose file of principals is found from the configuration folder."""
        named = settings.principal_map
        if named is None:
            return settings
        return dataclasses.replace(settings, principal_map=self.directory / named)

    def close(self) -> None:
        """Give up what is kept."""
        with self._lock:
            for kept in self._clients.values():
                kept.client.close()
            self._clients.clear()
