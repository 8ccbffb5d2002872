"""A small module for tests of the client: it finds a person, and binds as that person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tests.ldap import people
from ualauth.codes import ReturnCode
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.directory import PooledDirectory
from ualauth.ldap.client.faults import DirectoryFault
from ualauth.ldap.client.filters import Filter
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.shared import Directories, connector_of
from ualauth.ldap.client.values import Kind, Scope, Search
from ualauth.module import Attempt, Module

_FILTER = Filter("(&(objectClass=inetOrgPerson)(uid={user}))", ["user"])
_CODES = {
    Kind.OK: ReturnCode.SUCCESS,
    Kind.WRONG_PASSWORD: ReturnCode.AUTH_ERR,
    Kind.NO_SUCH_OBJECT: ReturnCode.USER_UNKNOWN,
    Kind.REFUSED: ReturnCode.PERM_DENIED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """None."""


class SearchAndBind(Module[Options]):
    """Ask the directory of `settings`, which a test sets."""

    options_type = Options
    settings: ClassVar[LdapSettings]
    directory: ClassVar[PooledDirectory]
    """The directory that was asked last."""

    def __init__(self, options: Options) -> None:
        """Load the library, which may take longer than a login."""
        super().__init__(options)
        connector_of(self.settings.library)

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Search and bind."""
        user = await attempt.get_user()
        password = await attempt.get_authtok()
        directory = SearchAndBind.directory = attempt.resource(Directories).of(self.settings)
        filter_text = _FILTER.fill({"user": user})
        try:
            entries = await directory.search(
                attempt,
                Search(people.PEOPLE, Scope.SUBTREE, filter_text, ("uid", "mail"), 2),
            )
            if len(entries) != 1:
                return ReturnCode.USER_UNKNOWN
            answer = await directory.bind(attempt, BindCredentials(entries[0].dn, password))
        except DirectoryFault as fault:
            attempt.remark(str(fault))
            return ReturnCode.AUTHINFO_UNAVAIL
        return _CODES[answer.kind]
