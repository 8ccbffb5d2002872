"""The configurations of Kerberos that an application uses: one for each om_krb5.conf and line."""

from __future__ import annotations

import dataclasses
import stat
import threading
import time
from pathlib import Path
from typing import NamedTuple

from ualauth.errors import ConfigurationError
from ualauth.kerberos.client import Client
from ualauth.kerberos.settings import FILE_NAME, Options, Settings

_INTERVAL = 0.5
"""Seconds for which a file is not looked at again, as service files are."""


class _Known(NamedTuple):
    stamp: tuple[int, ...] | None
    client: Client
    next_check: float


class Kerberos:
    """Hands out clients; a changed file makes a new one."""

    def __init__(self, directory: Path) -> None:
        """Look for om_krb5.conf in that folder, unless a stack line names another file."""
        self.directory = directory
        self._clients: dict[Options, _Known] = {}
        self._lock = threading.Lock()

    def client_at_hand(self, options: Options) -> Client | None:
        """Return the client for a stack line if its file need not be looked at now."""
        known = self._clients.get(options)
        return known.client if known and time.monotonic() < known.next_check else None

    def client(self, options: Options) -> Client:
        """Return the client for a stack line; blocks.

        Raises:
            ConfigurationError: for every mistake in its file at once.

        """
        named = options.line.config
        path = self.directory / (named or FILE_NAME)
        with self._lock:
            stamp = _stamp(path)
            known = self._clients.get(options)
            if known is not None and known.stamp == stamp:
                client = known.client
            else:
                if stamp is None and named is not None:
                    raise ConfigurationError(f"there is no file {path}")
                text = "" if stamp is None else _read(path)
                client = Client(self._located(options.merged(text, str(path))))
                if known is not None:
                    known.client.close()
            self._clients[options] = _Known(stamp, client, time.monotonic() + _INTERVAL)
            return client

    def _located(self, settings: Settings) -> Settings:
        """Return settings whose file of principals is found from the configuration folder."""
        named = settings.principal_map
        if named is None:
            return settings
        return dataclasses.replace(settings, principal_map=self.directory / named)

    def close(self) -> None:
        """Give up what is kept."""
        with self._lock:
            for known in self._clients.values():
                known.client.close()
            self._clients.clear()


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    # Whoever can write it can name a KDC that lets anybody in.
    if not stat.S_ISREG(found.st_mode) or found.st_mode & stat.S_IWOTH:
        raise ConfigurationError(f"{path} is no file, or everybody may write to it")
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8") from None
