"""Which password a module uses, and when it asks for one: the options that modules share.

Linux-PAM's modules have them in common (pam_unix(8)); pam_get_authtok(3) is behind them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from ualauth.codes import Item, ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenOptions:
    """The options of a module that verifies passwords, to be inherited by its `Options`."""

    try_first_pass: Annotated[
        bool,
        "Try the password that an earlier module got; if it is wrong, ask for another.",
    ] = False
    use_first_pass: Annotated[
        bool,
        "Use only the password that an earlier module got; never ask.",
    ] = False
    use_authtok: Annotated[
        bool,
        "Use only the new password that an earlier module got; never ask.",
    ] = False

    @property
    def never_asks(self) -> bool:
        """Whether only the password counts that an earlier module got."""
        return self.use_first_pass

    async def token(self, attempt: Attempt, item: Item = Item.AUTHTOK) -> str:
        """Return the password (in `chauthtok`, `OLDAUTHTOK`), asked for as the options allow.

        Raises:
            Abort: as `Attempt.get_authtok`.

        """
        return await attempt.get_authtok(item, use_only_present=self.never_asks)

    async def new_token(self, attempt: Attempt) -> str:
        """Return the new password in `chauthtok`, asked for as the options allow.

        Raises:
            Abort: as `Attempt.get_authtok`.

        """
        return await attempt.get_authtok(use_only_present=self.use_authtok)

    async def verify(
        self,
        attempt: Attempt,
        check: Callable[[str], Awaitable[ReturnCode]],
        item: Item = Item.AUTHTOK,
    ) -> ReturnCode:
        """Return what `check` says of the password, or of the one that is asked for next.

        With `try_first_pass`, one that an earlier module got and that is wrong
        (`AUTH_ERR`) is forgotten, and another one asked for. `item` has the last one.

        Raises:
            Abort: as `Attempt.get_authtok`, and what `check` raises.

        """
        given = attempt.get_item(item)
        code = await check(await self.token(attempt, item))
        if code is ReturnCode.AUTH_ERR and given is not None and self.try_first_pass:
            other = await self.ask_again(attempt, given, item)
            if other is not None:
                return await check(other)
        return code

    async def ask_again(
        self, attempt: Attempt, wrong: str, item: Item = Item.AUTHTOK
    ) -> str | None:
        """Forget a password that was wrong, and ask for another; `None` if it is the same.

        Raises:
            Abort: as `Attempt.get_authtok`.

        """
        attempt.set_item(item, None)
        other = await self.token(attempt, item)
        return None if other == wrong else other
