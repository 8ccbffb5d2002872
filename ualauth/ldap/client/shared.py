"""Directories by their settings: entries that name the same one share its connections."""

from __future__ import annotations

import importlib.util
import weakref

from ualauth.errors import ModuleUnavailable
from ualauth.ldap.client.connection import Connector
from ualauth.ldap.client.directory import PooledDirectory
from ualauth.ldap.client.settings import LdapSettings, Library
from ualauth.ldap.client.srv import Resolver, resolve
from ualauth.system.forks import new_lock

_lock = new_lock()
_open: weakref.WeakValueDictionary[LdapSettings, PooledDirectory] = weakref.WeakValueDictionary()


def shared_directory(settings: LdapSettings) -> PooledDirectory:
    """Return the directory of these settings; it ends when no entry has it any more.

    Nothing is connected, read or looked up yet.

    Raises:
        ModuleUnavailable: if the library that is wanted is missing.

    """
    with _lock:
        found = _open.get(settings)
        if found is None:
            found = _open[settings] = open_directory(settings)
        return found


def open_directory(settings: LdapSettings, resolver: Resolver = resolve) -> PooledDirectory:
    """Return a directory of one's own; see `shared_directory`."""
    if settings.srv_domain and resolver is resolve:
        _need("dns", "dnspython", "ldap")
    return PooledDirectory(settings, _connector(settings.library), resolver)


def _connector(library: Library) -> Connector:
    # Imported here: they are heavy, and one of them may be missing.
    if library is Library.AUTO:
        native = importlib.util.find_spec("ldap") is not None
        library = Library.PYTHON_LDAP if native else Library.LDAP3
    if library is Library.PYTHON_LDAP:
        _need("ldap", "python-ldap", "ldap-native")
        from ualauth.ldap.client.python_ldap import PythonLdap  # noqa: PLC0415

        return PythonLdap()
    _need("ldap3", "ldap3", "ldap")
    from ualauth.ldap.client.ldap3_connection import Ldap3  # noqa: PLC0415

    return Ldap3()


def _need(package: str, name: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ModuleUnavailable(f"LDAP needs {name}; try pip install 'ualauth[{extra}]'")
