"""What connections of the daemon share, in one process and in all of its workers.

A connection may ask for what another one brought about: whose a login is, what is remembered.
That may be with another worker, so all of it is asked of `siblings`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ualauth.aio import AsyncAuthenticator, forget
from ualauth.daemon.finished import FinishedLogins
from ualauth.daemon.requests import FinishedLogin, Unknown, UserDetails
from ualauth.daemon.siblings import Siblings, SiblingSilent

_COOKIE = 16
_TAKE, _FORGET, _STATUS = "take", "forget", "status"


class House:
    """What the connections of one worker share."""

    def __init__(
        self,
        authenticator: Callable[[], AsyncAuthenticator],
        siblings: Siblings,
        status: Callable[[], Mapping[str, Any]],
        reload: Callable[[], Awaitable[str]],
        lifetime: float,
    ) -> None:
        """`status` says how this worker does; a login waits for `lifetime` seconds.

        `reload` has all workers read the configuration anew, and returns what is wrong with it.
        """
        self._authenticator = authenticator
        self._siblings = siblings
        self._status = status
        self.reload = reload
        """See `Shared.reload`."""
        self._finished = FinishedLogins(lifetime)
        self.add = self._finished.add
        """See `Shared.add`."""
        siblings.answer(self._answer)

    @property
    def waiting_logins(self) -> int:
        """How many logins wait to be taken."""
        return len(self._finished)

    def nonce(self) -> bytes:
        """Return sixteen bytes for a connection: the number of the worker, and chance."""
        return bytes([self._siblings.number]) + secrets.token_bytes(_COOKIE - 1)

    async def take(self, cookie: bytes, number: int) -> UserDetails | Unknown:
        """Return whose a login is, once, by the worker that let the user in.

        Raises:
            UalauthError: if it cannot be looked up, or that worker does not answer.

        """
        worker = cookie[0]
        if worker != self._siblings.number:
            answer = await self._siblings.ask(worker, _TAKE, cookie.hex(), number)
            return UserDetails(*answer) if answer else Unknown()
        login: FinishedLogin | None = self._finished.take(cookie, number)
        if login is None:
            return Unknown()
        from ualauth.daemon.users import known  # noqa: PLC0415 - brings SQLAlchemy along

        return await known(self._authenticator(), login)

    async def forget(self, names: tuple[str, ...]) -> int:
        """Have all workers forget what they remember of users; return of how many logins."""
        return sum(each for each in await self._siblings.ask_all(_FORGET, *names))

    async def status(self) -> list[Mapping[str, Any]]:
        """Return how each worker does, the first one first."""
        return list(await self._siblings.ask_all(_STATUS))

    async def _answer(self, question: str, *arguments: Any) -> Any:  # noqa: ANN401 - JSON
        match question, arguments:
            case "take", (str(cookie), int(number)):
                answer = await self.take(bytes.fromhex(cookie), number)
                if isinstance(answer, Unknown):
                    return None
                return [answer.user, dict(answer.values), answer.mechanism]
            case "forget", names:
                return forget(self._authenticator(), names)
            case "status", ():
                return {"pid": os.getpid(), "worker": self._siblings.number, **self._status()}
        raise SiblingSilent("a worker asks what there is not")
