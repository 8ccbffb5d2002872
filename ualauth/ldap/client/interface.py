"""What modules ask a directory for: read this file first.

    directory = attempt.resource(Directories).of(settings)
    entries = await directory.search(attempt, Search(base, Scope.SUBTREE, filter_text, limit=2))
    answer = await directory.bind(attempt, Login(entries[0].dn, password))

    async with directory.session(attempt, Login(dn, password)) as session:
        if session.answer.ok:
            answer = await session.change_password(attempt, dn, old, new, How.EXOP)

The first argument is what asks: an `Attempt`. Every method may raise a
`DirectoryFault`, and `TimeoutError` when the time of the whole operation is
over: both mean "could not check" (`AUTHINFO_UNAVAIL`), never a wrong password.

What is not asked for does not happen: referrals are not followed, a password
goes to no server but those of the settings, and not before TLS stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.values import (
    Answer,
    Connected,
    How,
    LdapEntry,
    Modification,
    Requester,
    Search,
)


class DirectoryOperations(Protocol):
    """What can be asked under a name."""

    async def search(self, requester: Requester, search: Search) -> list[LdapEntry]:
        """Return the entries that match, at most `search.limit`.

        A base that does not exist has no entries where the scope is `BASE`.

        Raises:
            Unanswered: any code but success; noSuchObject (32) if the base is
                missing, referral (10) if it is elsewhere.

        """
        ...

    async def compare(self, requester: Requester, dn: str, attribute: str, value: bytes) -> bool:
        """Tell whether an entry has that value; an entry without the attribute has not.

        Raises:
            Unanswered: any code but compareTrue, compareFalse and
                noSuchAttribute; noSuchObject (32) if there is no such entry.

        """
        ...

    async def modify(
        self, requester: Requester, dn: str, modifications: Sequence[Modification]
    ) -> Answer:
        """Change an entry, all or nothing; password policy is in the answer."""
        ...

    async def change_password(
        self, requester: Requester, dn: str, old: str | None, new: str, how: How
    ) -> Answer:
        """Set a password; without `old` it is a reset, which needs the right to.

        With `How.EXOP` and `old`, even a session whose bind was refused may do it
        on servers that allow that: for a password that has expired.

        Raises:
            ValueError: if `new` is empty, or has NUL.

        """
        ...


class BoundDirectory(DirectoryOperations, Protocol):
    """A connection on which a user has bound, until its `async with` statement ends.

    After a bind that was refused it is anonymous (RFC 4511, section 4.2.1).
    """

    @property
    def answer(self) -> Answer:
        """What the server answered to the bind."""
        ...

    async def who_am_i(self, requester: Requester) -> str:
        """Return who has bound, as the server calls it: an authzId of RFC 4513, section 5.2.1.8.

        It is `dn:` and a name, `u:` and a name, or empty for an anonymous bind.

        Raises:
            Unanswered: any code but success; protocolError (2) if the server does not know the
                question.

        """
        ...


class Directory(DirectoryOperations, Protocol):
    """One directory, however many servers it has; its own operations are those of the service.

    One serves all logins of a process, from any thread and any event loop.
    """

    async def bind(self, requester: Requester, login: BindCredentials) -> Answer:
        """Return whether the name and the password are right, and what policy says.

        A bind that was answered is never sent again.

        Raises:
            Unanswered: a code that says nothing about the password.

        """
        ...

    def session(
        self, requester: Requester, login: BindCredentials
    ) -> AbstractAsyncContextManager[BoundDirectory]:
        """Bind, and go on as that user on the same connection."""
        ...

    async def root_dse(self, requester: Requester) -> LdapEntry:
        """Return what the server says of itself (RFC 4512, section 5.1)."""
        ...

    async def connected(self, requester: Requester) -> Connected:
        """Return what the service's connection is like, connecting if need be."""
        ...

    def close(self) -> None:
        """Close all connections; it may be used again."""
        ...
