"""What a visit keeps: items, environment and module data, and what was said and vouched for.

Linux-PAM's pam_item.c, pam_env.c and pam_data.c are the reference.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.credentials import Credential, Exchange
from ualauth.identity import Person
from ualauth.messages import AsyncConversation, Conversation
from ualauth.module import Module, Refusal

if TYPE_CHECKING:
    from ualauth.trace import Run

    # It brings SQLAlchemy along, which a service without USERLIST does without.
    from ualauth.userlist.cache import Known
    from ualauth.walk import Path

log = logging.getLogger("ualauth.attempt")

T = TypeVar("T")


class Users(Protocol):
    """Who the USERLIST says has a name: `UserCache`, or what stands before it."""

    def recall(self, name: str) -> Known | None:
        """Return who has the name if that is known for sure; MUST NOT wait.

        Raises:
            NoUserlist: if there is none, which may be half a second old.

        """
        ...

    def read(self, name: str) -> Known | None:
        """Return who has the name, or `None` if nobody has; may block.

        Raises:
            StoreError: if the USERLIST cannot be read.
            NoUserlist: if there is none.

        """
        ...


class NoUserlist(Exception):
    """There is no USERLIST that could have anybody."""


Resources = Callable[[type], Any]
"""Kind -> the one of it that modules share."""


class LookedUp(enum.Enum):
    """How the user's record came here during this operation."""

    RECALLED = enum.auto()
    READ = enum.auto()
    NOWHERE = enum.auto()
    """There is no USERLIST."""


class VisitState:
    """The part of an attempt that asks nobody anything."""

    # Defaults stand on the class: a login sets only what it knows.
    operation: Operation = Operation.AUTHENTICATE
    flags: int = 0
    login_name: str | None = None
    """The name as typed."""
    user: str | None = None
    rhost: str | None = None
    ruser: str | None = None
    tty: str | None = None
    tls: bool = False
    mechanism: str | None = None
    """The SASL mechanism by which the person came; `None` for a typed password."""
    caller_uid: int | None = None
    delegated: bool = False
    stepping: bool = False
    """Whether the program at the other end can be challenged: a SASL exchange is running."""
    conversation: Conversation | AsyncConversation | None = None
    credential: Credential | None = None
    takes_passwords: bool = True
    """Whether the service takes passwords as they were typed."""
    person: Person | None = None
    delay: float = 0.0
    delay_report: Callable[[ReturnCode, int], None] | None = None
    deadline: float | None = None
    """When the modules' time is up (time.monotonic); set by the driver at the first request."""
    at_once: bool = False
    """Whether the next operation is part of the same login as the last one."""
    run: Run | None = None
    """The walk that asks now."""
    paths: dict[tuple[Module[Any], int], Path] | None = None
    """Module and operation -> what its entry settled, and how far a stack of its own went."""
    _resolved: str | None = None
    _known: Known | None = None
    _looked_up: LookedUp | None = None
    _failed_user: ReturnCode | None = None
    _pending_prompt: str | None = None
    _authtok: str | None = None
    _oldauthtok: str | None = None
    _verified: bool = False

    def __init__(self, service: str, resources: Resources, users: Users) -> None:
        """Begin with nothing known but the service."""
        self.service = service
        self._resources = resources
        self._users = users
        self.messages: list[str] = []
        self._items: dict[Item, Any] = {}
        self._data: dict[str, tuple[object, Callable[[object, int], None] | None]] = {}
        self._environment: dict[str, str] = {}

    @property
    def exchange(self) -> Exchange | None:
        """See `Attempt.exchange`."""
        return self.credential if isinstance(self.credential, Exchange) else None

    # Items

    def get_item(self, item: Item) -> Any:  # noqa: ANN401 - as many types as items
        """See `Attempt.get_item`."""
        attribute = _ATTRIBUTES.get(item)
        return getattr(self, attribute) if attribute else self._items.get(item)

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - likewise
        """See `Attempt.set_item`."""
        if item is Item.SERVICE and value is None:
            return ReturnCode.BAD_ITEM
        if item is Item.CONV and value is None:
            return ReturnCode.PERM_DENIED
        if item in _TEXTS and not isinstance(value, str | None):
            return ReturnCode.BAD_ITEM
        if item in (Item.USER, Item.USER_PROMPT, Item.CONV):
            self._failed_user = None
        attribute = _ATTRIBUTES.get(item)
        if attribute:
            setattr(self, attribute, value)
        else:
            self._items[item] = value
        return ReturnCode.SUCCESS

    def forget_tokens(self) -> None:
        """Forget both tokens, as every operation does before and after."""
        self._authtok = self._oldauthtok = None
        self._verified = False

    def forget_record(self) -> None:
        """Forget the user's record: the next who needs it asks anew."""
        self._known = self._looked_up = None

    # Environment

    def getenv(self, name: str) -> str | None:
        """See `Attempt.getenv`."""
        return self._environment.get(name)

    def getenvlist(self) -> list[str]:
        """Return the environment as `N=V` texts, oldest first (pam_getenvlist(3))."""
        return [f"{name}={value}" for name, value in self._environment.items()]

    def putenv(self, text: str) -> ReturnCode:
        """See `Attempt.putenv`."""
        name, equals, value = text.partition("=")
        if not name or (not equals and name not in self._environment):
            return ReturnCode.BAD_ITEM
        if equals:
            self._environment[name] = value
        else:
            del self._environment[name]
        return ReturnCode.SUCCESS

    # Data

    def get_data(self, name: str) -> Any:  # noqa: ANN401 - whatever was stored
        """See `Attempt.get_data`."""
        if name not in self._data:
            raise Refusal(ReturnCode.NO_MODULE_DATA)
        return self._data[name][0]

    def set_data(
        self,
        name: str,
        value: object,
        cleanup: Callable[[object, int], None] | None = None,
    ) -> None:
        """See `Attempt.set_data`."""
        if name in self._data:
            self._clean(name, Flag.DATA_REPLACE | ReturnCode.SUCCESS)
        self._data[name] = value, cleanup

    def end(self, status: int) -> None:
        """Call every cleanup with `status` and forget all secrets (pam_end(3))."""
        if self._data:
            for name, (_, cleanup) in list(self._data.items()):
                if cleanup is not None:
                    self._clean(name, status)
            self._data.clear()
        self.forget_tokens()
        self.credential = None

    def _clean(self, name: str, status: int) -> None:
        value, cleanup = self._data.get(name, (None, None))
        if cleanup is None:
            return
        try:
            cleanup(value, status)
        except Exception as error:  # noqa: BLE001 - a module's code; nobody waits for it
            log.error(  # noqa: TRY400 - without the text
                "%s: the cleanup of %r raised %s", self.service, name, type(error).__name__
            )

    # The rest

    def fail_delay(self, seconds: float) -> None:
        """See `Attempt.fail_delay`."""
        self.delay = max(self.delay, seconds)

    def vouch(self, person: Person) -> None:
        """See `Attempt.vouch`."""
        self.person = person

    def remark(self, text: str) -> None:
        """See `Attempt.remark`."""
        run = self.run
        if run is not None:
            run.remark(text)

    def resource(self, kind: type[T]) -> T:
        """See `Attempt.resource`."""
        made: T = self._resources(kind)
        return made


_ATTRIBUTES = {
    Item.SERVICE: "service",
    Item.USER: "user",
    Item.TTY: "tty",
    Item.RHOST: "rhost",
    Item.RUSER: "ruser",
    Item.CONV: "conversation",
    Item.FAIL_DELAY: "delay_report",
    Item.AUTHTOK: "_authtok",
    Item.OLDAUTHTOK: "_oldauthtok",
}
"""Items that have an attribute of their own; the others are in a dictionary."""

_TEXTS = frozenset(Item) - {Item.CONV, Item.FAIL_DELAY, Item.XAUTHDATA}
