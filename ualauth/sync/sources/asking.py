"""A run's one connection: everything is asked of one server, or of the next one from the start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ualauth.errors import ModuleUnavailable
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import DirectoryFault
from ualauth.ldap.client.operations import Operations
from ualauth.ldap.client.servers import Purpose
from ualauth.ldap.client.settings import LdapSettings, Library, Tls
from ualauth.ldap.client.shared import open_directory
from ualauth.sources.files import FileRules, Text, Unusable
from ualauth.sources.opening import look
from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.failures import SyncRefused, SyncUnavailable

T = TypeVar("T")

SECONDS = 120.0
"""For one page, or one message: no user waits."""
_PAGE_OCTETS = 256 << 20
_RULES = FileRules(max_bytes=4096, comments=False, links=True, utf8=True, secret=True)


def ask(agreement: Agreement, action: Callable[[Operations], Awaitable[T]]) -> T:
    """Return what `action` returns, called with a connection; blocks.

    It may be called again, with one of another server.

    Raises:
        SyncUnavailable: if anything but what was asked for, to the end, was answered.
        SyncRefused: if the password's file cannot be used, or a library is missing.

    """
    try:
        directory = open_directory(_settings(agreement))
    except ModuleUnavailable as error:
        raise SyncRefused(str(error)) from error
    try:
        lease = run_blocking(directory.begin(BLOCKING, Purpose.SERVICE, action))
        directory.end(lease)
    except (DirectoryFault, TimeoutError) as error:
        raise SyncUnavailable(f"the directory was not read to its end: {error}") from error
    finally:
        directory.close()
    return lease.result


def _settings(agreement: Agreement) -> LdapSettings:
    login = None
    if agreement.bind_dn:
        try:
            login = BindCredentials(agreement.bind_dn, _password(agreement.password_file))
        except ValueError as error:
            raise SyncRefused(f"{agreement.password_file}: {error}") from None
    return LdapSettings(
        uris=agreement.uris,
        login=login,
        tls=Tls.START_TLS if agreement.tls else Tls.OFF,
        ca_file=agreement.ca_file,
        connect_timeout=15.0,
        search_timeout=SECONDS,
        reply_limit=_PAGE_OCTETS,
        # ldap3 knows neither RFC 4533 nor attributes that became empty.
        library=Library.AUTO if agreement.source is Source.FULL else Library.PYTHON_LDAP,
    )


def _password(path: str) -> str:
    _, file = look(path, _RULES)
    if isinstance(file, Unusable):
        raise SyncRefused(f"{path}: {file.reason}: {file.cure}")
    if not isinstance(file, Text):
        raise SyncRefused(f"{path}: there is no such file")
    if file.public:
        raise SyncRefused(f"{path}: can be read by every user: run: chmod o-r {path}")
    return file.text.removesuffix("\n").removesuffix("\r")
