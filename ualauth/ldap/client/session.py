"""A connection on which somebody has bound, for as long as an `async with` statement lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ualauth.ldap.client.credentials import Login
from ualauth.ldap.client.operations import OnLink
from ualauth.ldap.client.servers import Purpose
from ualauth.ldap.client.values import Answer, Requester

if TYPE_CHECKING:
    from ualauth.ldap.client.directory import Held, PooledDirectory


class BoundSession:
    """What `PooledDirectory.session` returns."""

    def __init__(self, directory: PooledDirectory, requester: Requester, login: Login) -> None:
        """Bind nobody yet."""
        self._directory = directory
        self._requester = requester
        self._login = login
        self._held: Held[Answer]

    async def __aenter__(self) -> OnLink:
        """Bind, and return what can be asked on the connection."""
        self._held = await self._directory.begin(
            self._requester, Purpose.USER, lambda on: on.bind(self._requester, self._login)
        )
        return self._held.on

    async def __aexit__(self, *_: object) -> None:
        """Give the connection back."""
        self._directory.end(self._held)
