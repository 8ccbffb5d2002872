"""What PAM keeps of a transaction: items, environment, module data and tokens.

Linux-PAM's pam_item.c, pam_env.c and pam_data.c are the reference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ualauth.codes import Flag, Item, ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import Exchange, NameKind, Password, PasswordChange
from ualauth.contract.messages import AsyncConversation, Conversation
from ualauth.reasons import ReasonCode

log = logging.getLogger("ualauth.attempt")

_TYPED = NameKind.TYPED


class Items:
    """What the application and the modules set, and nothing of who asks what."""

    # What each login reads is set for each; of the rest, defaults stand on the class.
    rhost: str | None = None
    ruser: str | None = None
    tty: str | None = None
    tls: bool = False
    caller_uid: int | None = None
    mechanism: str | None = None
    """The SASL mechanism by which the client came; `None` for a typed password."""
    conversation: Conversation | AsyncConversation | None = None
    oldauthtok: str | None = None
    retyped: bool = False
    """Whether `authtok` is a new password that need not be asked for once more."""
    failed_user: ReturnCode | None = None
    """What came of asking for the user's name, if none did: it is not asked for again."""
    pending_prompt: str | None = None
    """The question for the user's name that the application has put off."""
    _others: dict[Item, Any] | None = None
    _environment: dict[str, str] | None = None

    def __init__(self, service: str, user: str | None = None) -> None:
        """Begin with nothing known but the service, and the name as typed, if there is one."""
        self.service = service
        self.login_name = self.user = user
        self.name_kind = _TYPED
        """How the USERLIST is asked for the user."""
        self.password: Password | PasswordChange | None = None
        """What the client brought along, so that the user need not be asked for it."""
        self.exchange: Exchange | None = None
        """The SASL exchange that stands for a password."""
        self.authtok: str | None = None
        self.delay = 0.0
        """Seconds that the operation shall be delayed if it fails."""
        self.delay_report: Callable[[ReturnCode, int], None] | None = None
        self._data: dict[str, tuple[object, Callable[[object, int], None] | None]] = {}

    # Items

    def get_item(self, item: Item) -> Any:  # noqa: ANN401 - as many types as items
        """Return an item, or `None` (pam_get_item(3))."""
        attribute = _ATTRIBUTES.get(item)
        return getattr(self, attribute) if attribute else (self._others or {}).get(item)

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - likewise
        """Set an item; `BAD_ITEM` for a type that it cannot have (pam_set_item(3))."""
        if item is Item.SERVICE and value is None:
            return ReturnCode.BAD_ITEM
        if item is Item.CONV and value is None:
            return ReturnCode.PERM_DENIED
        if item in _TEXTS and not isinstance(value, str | None):
            return ReturnCode.BAD_ITEM
        if item in (Item.USER, Item.USER_PROMPT, Item.CONV):
            self.failed_user = None
        if item is Item.USER and value != self.user and self.name_kind is not NameKind.NO_USER:
            # What a module puts there was not typed: it has found out who the user is.
            self.name_kind = NameKind.TYPED if value is None else NameKind.AUTHID
        attribute = _ATTRIBUTES.get(item)
        if attribute:
            setattr(self, attribute, value)
        else:
            self._others = {**(self._others or {}), item: value}
        return ReturnCode.SUCCESS

    def forget_tokens(self) -> None:
        """Forget both tokens, as every operation does before and after."""
        self.authtok = self.oldauthtok = None
        self.retyped = False

    # Environment

    def getenv(self, name: str) -> str | None:
        """Return a variable (pam_getenv(3))."""
        return (self._environment or {}).get(name)

    def getenvlist(self) -> list[str]:
        """Return the environment as `N=V` texts, oldest first (pam_getenvlist(3))."""
        return [f"{name}={value}" for name, value in (self._environment or {}).items()]

    def putenv(self, text: str) -> ReturnCode:
        """Set, empty or delete a variable: `N=V`, `N=`, `N` (pam_putenv(3))."""
        name, equals, value = text.partition("=")
        environment = self._environment
        if environment is None:
            environment = self._environment = {}
        if not name or (not equals and name not in environment):
            return ReturnCode.BAD_ITEM
        if equals:
            environment[name] = value
        else:
            del environment[name]
        return ReturnCode.SUCCESS

    # Data

    def get_data(self, name: str) -> Any:  # noqa: ANN401 - whatever was stored
        """Return what a module stored under `name`.

        Raises:
            Abort: `NO_MODULE_DATA` if nothing was, as pam_get_data(3).

        """
        if name not in self._data:
            why = f"no module has stored {name!r}"
            raise Abort(ReturnCode.NO_MODULE_DATA, why, ReasonCode.MODULE_FAILED)
        return self._data[name][0]

    def set_data(
        self,
        name: str,
        value: object,
        cleanup: Callable[[object, int], None] | None = None,
    ) -> None:
        """Store `value` until the end, or until it is replaced (pam_set_data(3))."""
        if name in self._data:
            self._clean(name, Flag.DATA_REPLACE | ReturnCode.SUCCESS)
        self._data[name] = value, cleanup

    def has_cleanups(self) -> bool:
        """Return whether a module wants to be called at the end."""
        return any(cleanup is not None for _, cleanup in self._data.values())

    def end(self, status: int) -> None:
        """Call every cleanup with `status` and forget all secrets (pam_end(3))."""
        if self._data:
            for name, (_, cleanup) in list(self._data.items()):
                if cleanup is not None:
                    self._clean(name, status)
            self._data.clear()
        self.authtok = self.oldauthtok = self.password = self.exchange = None

    def _clean(self, name: str, status: int) -> None:
        value, cleanup = self._data.get(name, (None, None))
        if cleanup is None:
            return
        try:
            cleanup(value, status)
        except Exception as error:  # noqa: BLE001 - a module's code; no caller waits for it
            log.error(  # noqa: TRY400 - without the text
                "%s: the cleanup of %r raised %s", self.service, name, type(error).__name__
            )


_ATTRIBUTES = {
    Item.SERVICE: "service",
    Item.USER: "user",
    Item.TTY: "tty",
    Item.RHOST: "rhost",
    Item.RUSER: "ruser",
    Item.CONV: "conversation",
    Item.FAIL_DELAY: "delay_report",
    Item.AUTHTOK: "authtok",
    Item.OLDAUTHTOK: "oldauthtok",
}
"""Items that have an attribute of their own; the others are in a dictionary."""

_TEXTS = frozenset(Item) - {Item.CONV, Item.FAIL_DELAY, Item.XAUTHDATA}
