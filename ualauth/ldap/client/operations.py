"""What can be asked on one connection, in terms of values and faults."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from ualauth.ldap.client import answers, password_change
from ualauth.ldap.client.connection import Connection, Control, Reply
from ualauth.ldap.client.controls import PAGED_RESULTS, PASSWORD_POLICY, page
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import ProtocolFault
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.values import (
    Answer,
    How,
    LdapEntry,
    Modification,
    Requester,
    Scope,
    Search,
)

_PAGE = 500
"""Entries to ask for at once: Active Directory sends 1,000 at most, OpenLDAP 500."""
_WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"  # RFC 4532
_POLICY: Sequence[Control] = ((PASSWORD_POLICY, None),)


class Operations:
    """A connection's operations; see `BoundDirectory`."""

    def __init__(self, connection: Connection, server: str, settings: LdapSettings) -> None:
        """Take a connection, and the name of its server for faults."""
        self.connection = connection
        self.server = server
        self._settings = settings
        self.usable = True
        """Whether everything that was asked was answered."""
        self.answer: Answer
        """To `bind`; see `BoundDirectory`."""

    async def bind(self, requester: Requester, login: BindCredentials) -> Answer:
        """Bind, and return the answer."""
        seconds = self._settings.bind_timeout
        # As `_ask`, in place: each login passes here.
        self.usable = False
        reply = await self.connection.bind(requester, login, _POLICY, seconds)
        self.usable = True
        self.answer = answers.answer(reply, answers.BIND, self.server)
        return self.answer

    async def search(self, requester: Requester, search: Search) -> list[LdapEntry]:
        """See `DirectoryOperations.search`."""
        limit, paged = search.limit, search.limit > _PAGE
        seconds = self._settings.search_timeout
        # With no attributes a server would send all of them (RFC 4511, section 4.5.1.8).
        attributes = search.attributes or ("1.1",)
        asked = search
        if paged or not search.attributes:
            asked = search._replace(attributes=attributes, limit=0 if paged else limit)
        entries: list[LdapEntry] = []
        after = b""
        while True:
            controls = ((PAGED_RESULTS, page(_PAGE, after)),) if paged else ()
            self.usable = False
            reply = await self.connection.search(requester, asked, controls, seconds)
            self.usable = True
            for entry in reply.entries:
                entry.server = self.server
            entries += reply.entries
            if reply.code == answers.NO_SUCH_OBJECT and search.scope is Scope.BASE:
                return []
            # With the limit that was asked for, what came until then is the answer.
            full = reply.code == answers.SIZE_LIMIT and len(entries) >= limit
            if reply.code != answers.SUCCESS and not full:
                raise answers.unanswered(reply, self.server)
            after = reply.controls.get(PAGED_RESULTS, b"")
            if not after or len(entries) >= limit:
                return entries[:limit]

    async def compare(self, requester: Requester, dn: str, attribute: str, value: bytes) -> bool:
        """See `DirectoryOperations.compare`."""
        seconds = self._settings.search_timeout
        reply = await self._ask(self.connection.compare(requester, dn, attribute, value, seconds))
        match reply.code:
            case answers.COMPARE_TRUE:
                return True
            case answers.COMPARE_FALSE | answers.NO_SUCH_ATTRIBUTE:
                return False
            case _:
                raise answers.unanswered(reply, self.server)

    async def modify(
        self, requester: Requester, dn: str, modifications: Sequence[Modification]
    ) -> Answer:
        """See `DirectoryOperations.modify`."""
        reply = await self._ask(
            self.connection.modify(
                requester, dn, modifications, _POLICY, self._settings.search_timeout
            )
        )
        return answers.answer(reply, answers.CHANGE, self.server)

    async def change_password(
        self, requester: Requester, dn: str, old: str | None, new: str, how: How
    ) -> Answer:
        """See `DirectoryOperations.change_password`."""
        if not new or "\0" in new:
            raise ValueError("a new password needs at least one character, and no NUL")
        match how:
            case How.EXOP:
                value = password_change.exop(dn, old, new)
                seconds = self._settings.search_timeout
                reply = await self._ask(
                    self.connection.extended(
                        requester, password_change.EXOP, value, _POLICY, seconds
                    )
                )
                return answers.answer(reply, answers.CHANGE, self.server)
            case How.MODIFY:
                return await self.modify(requester, dn, password_change.user_password(new))
            case How.UNICODE_PWD:
                return await self.modify(requester, dn, password_change.unicode_pwd(old, new))

    async def who_am_i(self, requester: Requester) -> str:
        """See `BoundDirectory.who_am_i`."""
        seconds = self._settings.search_timeout
        reply = await self._ask(self.connection.extended(requester, _WHO_AM_I, None, (), seconds))
        if reply.code != answers.SUCCESS:
            raise answers.unanswered(reply, self.server)
        try:
            return (reply.value or b"").decode()
        except UnicodeDecodeError:
            pass
        raise ProtocolFault("an identity that is no text")

    async def _ask(self, asked: Awaitable[Reply]) -> Reply:
        self.usable = False
        reply = await asked
        self.usable = True
        return reply
