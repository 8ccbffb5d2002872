"""Directories by their settings: entries that name the same one share its connections."""

from __future__ import annotations

import weakref
from typing import Self

from ualauth.contract.resources import Resources
from ualauth.errors import ModuleUnavailable
from ualauth.ldap.client.connection import Connector
from ualauth.ldap.client.credentials import Mechanism
from ualauth.ldap.client.directory import PooledDirectory
from ualauth.ldap.client.settings import LdapSettings, Library
from ualauth.ldap.client.srv import Resolver, resolve
from ualauth.system.extras import is_installed, lack
from ualauth.system.forks import new_lock


class Directories:
    """The directories of an application (`Attempt.resource`).

    Who asks for one keeps it: it ends when no entry has it any more, or with the application.
    """

    directory_kind: type[PooledDirectory] = PooledDirectory

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = new_lock()
        self._open: weakref.WeakValueDictionary[LdapSettings, PooledDirectory] = (
            weakref.WeakValueDictionary()
        )

    @classmethod
    def open(cls, _resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls()

    def of(self, settings: LdapSettings) -> PooledDirectory:
        """Return the directory of these settings: nothing is connected, read or looked up yet.

        Raises:
            ModuleUnavailable: if the library that is wanted is missing.

        """
        with self._lock:
            directory = self._open.get(settings)
            if directory is None:
                directory = self._open[settings] = open_directory(
                    settings, kind=self.directory_kind
                )
            return directory

    def server_states(self) -> list[tuple[str, bool]]:
        """Return the servers of all directories, and whether each answered the last time."""
        with self._lock:
            opened = list(self._open.values())
        return [state for each in opened for state in each.server_states()]

    def close(self) -> None:
        """Close every connection, and end the threads that look after servers."""
        with self._lock:
            opened = list(self._open.values())
            self._open.clear()
        for each in opened:
            each.close()


def open_directory(
    settings: LdapSettings,
    resolver: Resolver = resolve,
    kind: type[PooledDirectory] = PooledDirectory,
) -> PooledDirectory:
    """Return a directory of one's own, which the caller closes.

    Raises:
        ModuleUnavailable: if the library that is wanted is missing.

    """
    if settings.srv_domain and resolver is resolve:
        _need("dns", "ldap")
    if settings.sasl is not None and settings.sasl.mechanism is Mechanism.GSSAPI:
        _need("gssapi")
    return kind(settings, connector_of(settings.library), resolver)


def connector_of(library: Library) -> Connector:
    """Return what connects by a library, which is loaded now.

    Raises:
        ModuleUnavailable: if it is missing.

    """
    # Imported here: they are heavy, and one of them may be missing.
    if library is Library.AUTO:
        native = is_installed("ldap")
        library = Library.PYTHON_LDAP if native else Library.LDAP3
    if library is Library.PYTHON_LDAP:
        _need("ldap")
        from ualauth.ldap.client.python_ldap import PythonLdap  # noqa: PLC0415

        return PythonLdap()
    _need("ldap3")
    from ualauth.ldap.client.ldap3_connection import Ldap3  # noqa: PLC0415

    return Ldap3()


def _need(package: str, extra: str = "") -> None:
    if text := lack("LDAP", package, extra):
        raise ModuleUnavailable(text)
