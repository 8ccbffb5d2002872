"""All entries of a directory, page by page: it counts only if every page came and said success.

A search that ends early, for whatever reason, gives no entries at all: an error is never taken
for an empty directory.
"""

from __future__ import annotations

from collections.abc import Sequence

from ualauth.errors import ModuleUnavailable
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import DirectoryFault
from ualauth.ldap.client.settings import LdapSettings, Tls
from ualauth.ldap.client.shared import open_directory
from ualauth.ldap.client.values import LdapEntry, Scope, Search
from ualauth.sources.files import FileRules, Text, Unusable
from ualauth.sources.opening import look
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncRefused, SyncUnavailable
from ualauth.sync.mapping import (
    FILTERS,
    IDENTITY,
    RemoteUser,
    Unreadable,
    attributes_of,
    guid_of,
    read_fields,
)

_ALL = 2**31 - 1
"""More entries than a directory has: the client then asks for pages."""
_SECONDS = 120.0
"""For one page: no user waits."""
_PAGE_OCTETS = 256 << 20
_RULES = FileRules(max_bytes=4096, comments=False, links=True, utf8=True, secret=True)


def fetch(agreement: Agreement) -> list[RemoteUser]:
    """Return the users of a directory, as it has them now; blocks.

    Raises:
        SyncUnavailable: if anything but all entries, to the end, was answered.
        SyncRefused: if the password's file cannot be used.

    """
    attributes = attributes_of(agreement.product, agreement.mapping, scalix=agreement.scalix)
    search = Search(
        agreement.base,
        Scope.SUBTREE,
        agreement.filter_text or FILTERS[agreement.product],
        sorted({*attributes.values(), IDENTITY[agreement.product]}),
        _ALL,
    )
    users = []
    for entry in _entries(agreement, search):
        guid = guid_of(entry, agreement.product)
        if guid is None:
            # Without it, the entry's user would be taken for one whose entry is gone.
            raise SyncUnavailable(
                f"{entry.dn} shows no {IDENTITY[agreement.product]}: let "
                f"{agreement.bind_dn or 'anonymous clients'} read it"
            )
        users.append(_user(entry, guid, attributes))
    if len({user.guid for user in users}) != len(users):
        raise SyncUnavailable("two entries came with the same identity: try again")
    return users


def _user(entry: LdapEntry, guid: str, attributes: dict[str, str]) -> RemoteUser:
    try:
        return RemoteUser(guid, entry.dn, read_fields(entry, attributes))
    except Unreadable as error:
        problem = str(error)
    # Whom the directory disables is locked, whatever else of the entry is wrong.
    lock = {field: name for field, name in attributes.items() if field == "locked"}
    try:
        return RemoteUser(guid, entry.dn, read_fields(entry, lock), problem)
    except Unreadable:
        return RemoteUser(guid, entry.dn, {}, problem)


def _entries(agreement: Agreement, search: Search) -> Sequence[LdapEntry]:
    try:
        directory = open_directory(_settings(agreement))
    except ModuleUnavailable as error:
        raise SyncRefused(str(error)) from error
    try:
        return run_blocking(directory.search(BLOCKING, search))
    except (DirectoryFault, TimeoutError) as error:
        raise SyncUnavailable(f"the directory was not read to its end: {error}") from error
    finally:
        directory.close()


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
        search_timeout=_SECONDS,
        reply_limit=_PAGE_OCTETS,
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
