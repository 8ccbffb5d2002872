"""What a login keeps: items, environment and module data, and what was said and vouched for.

Linux-PAM's pam_item.c, pam_env.c and pam_data.c are the reference.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.contract.attempt import NameAnswer, NameTest, Refusal
from ualauth.contract.credentials import Credential, Exchange, NameKind
from ualauth.contract.identity import Person
from ualauth.contract.messages import AsyncConversation, Conversation
from ualauth.contract.module import Module

if TYPE_CHECKING:
    # It brings SQLAlchemy along, which a service without USERLIST does without.
    from ualauth.contract.account import Account
    from ualauth.runtime.path import Path
    from ualauth.runtime.trace import Run
    from ualauth.stack.model import Entry
    from ualauth.userlist.guess import Guess

log = logging.getLogger("ualauth.attempt")

T = TypeVar("T")


class Users(Protocol):
    """Who the USERLIST says has a name: `UserCache`, or what stands before it."""

    def recall(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        """Return who has a name of that kind if that is known for sure; MUST NOT wait.

        Raises:
            NoUserlist: if there is none, which may be half a second old.

        """
        ...

    def read(self, name: str, kind: NameKind = NameKind.TYPED) -> Account | None:
        """Return the user who has a name of that kind, or `None` if there is none; may block.

        Raises:
            StoreError: if the USERLIST cannot be read.
            NoUserlist: if there is none.

        """
        ...


class NoUserlist(Exception):
    """There is no USERLIST that could have a user."""


Resources = Callable[[type], Any]
"""Kind -> the one of it that modules share."""


class LookedUp(enum.Enum):
    """How the user's record came here during this operation."""

    RECALLED = enum.auto()
    READ = enum.auto()
    NOWHERE = enum.auto()
    """There is no USERLIST."""


class AskedName(NamedTuple):
    """A test of a name: which entry's, of which operation, about which name, and its answer."""

    entry: Entry | None
    operation: Operation
    test: NameTest
    name: str
    answer: NameAnswer


class Naming(NamedTuple):
    """Who the user was before an entry confirmed a user, and where that entry stands."""

    run: Run | None
    place: int
    user: str | None
    name_kind: NameKind
    resolved: str | None


class Items:
    """The part of an attempt that asks neither the user nor a store."""

    # Defaults stand on the class: a login sets only what it knows.
    operation: Operation = Operation.AUTHENTICATE
    flags: int = 0
    login_name: str | None = None
    """The name as typed."""
    user: str | None = None
    name_kind: NameKind = NameKind.TYPED
    """How the USERLIST is asked for the user."""
    name_tests: tuple[AskedName, ...] = ()
    """What was decided by looking at the user's name."""
    unconfirmed: Naming | None = None
    """Who the user was before the last entry that confirmed a user."""
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
    vouches: tuple[tuple[Run | None, int, Person], ...] = ()
    """The run and the number of an entry, and whom it vouched for before it answered."""
    late: bool = False
    """Whether a module ran out of time: its threads may still run."""
    delay: float = 0.0
    delay_report: Callable[[ReturnCode, int], None] | None = None
    deadline: float | None = None
    """When the modules' time is up (time.monotonic); set by the driver at the first request."""
    at_once: bool = False
    """Whether the next operation is part of the same login as the last one."""
    run: Run | None = None
    """The walk that asks now."""
    guess: Guess | None = None
    """The password or proof that is being checked, until the operation has ended."""
    paths: dict[tuple[Module[Any], int], Path] | None = None
    """Module and operation -> what its entry decided, and how far a stack of its own went."""
    _resolved: str | None = None
    _account: Account | None = None
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
        if item is Item.USER and value != self.user and self.name_kind is not NameKind.NO_USER:
            # What a module puts there was not typed: it has found out who the user is.
            self.name_kind = NameKind.TYPED if value is None else NameKind.AUTHID
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

    def naming(self) -> Naming:
        """Return who the user is before the entry that is being asked says more."""
        run = self.run
        place = 0 if run is None else len(run.codes)
        return Naming(run, place, self.user, self.name_kind, self._resolved)

    def become(self, name: str) -> None:
        """Make the user exactly `name`."""
        if name != self.user or name != self._resolved:
            self._resolved = None
            self.forget_record()
        self.user, self.name_kind = name, NameKind.AUTHID

    def restore(self, before: Naming) -> None:
        """Make the user again who it was."""
        self.user, self.name_kind, self._resolved = before[2:]
        self.forget_record()

    def unconfirm(self, run: Run) -> None:
        """Make the user again who it was before the entry that `run` asks confirmed a user."""
        before = self.unconfirmed
        if before is not None and before.run is run and before.place == len(run.codes):
            self.unconfirmed = None
            self.restore(before)

    def forget_record(self) -> None:
        """Forget the user's record: the next who needs it asks anew."""
        self._account = self._looked_up = None

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
        except Exception as error:  # noqa: BLE001 - a module's code; no caller waits for it
            log.error(  # noqa: TRY400 - without the text
                "%s: the cleanup of %r raised %s", self.service, name, type(error).__name__
            )

    # The rest

    def fail_delay(self, seconds: float) -> None:
        """See `Attempt.fail_delay`."""
        self.delay = max(self.delay, seconds)

    def vouch(self, person: Person) -> None:
        """See `Attempt.vouch`."""
        run = self.run
        self.vouches = (*self.vouches, (run, 0 if run is None else len(run.codes), person))

    @property
    def person(self) -> Person | None:
        """Whom the modules vouch for: the last who was vouched for by an entry that succeeded."""
        for run, place, person in reversed(self.vouches):
            if run is not None and run.granted(place):
                return person
        return None

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
