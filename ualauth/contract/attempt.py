"""What a module sees of a login, and what it is told when that cannot be delivered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.account import Memberships
from ualauth.contract.credentials import Exchange, NameKind
from ualauth.contract.identity import Person
from ualauth.contract.messages import Answer, Error, Info, TextMessage
from ualauth.contract.module import Module
from ualauth.errors import UalauthError
from ualauth.reasons import ReasonCode

T = TypeVar("T")


class Abort(UalauthError):
    """Ends a method of a module: `code` is the answer; `why` and `reason` are for trace and log.

    An attempt's methods raise it when they cannot deliver, and a module may raise
    its own, a refusal or "could not check". A module that lets it pass answers
    `answer_of(abort)`. The code is never `SUCCESS`: whatever else a subclass or an
    assignment makes of it is read as `SYSTEM_ERR`.
    """

    code = ReturnCode.SYSTEM_ERR
    why = ""
    reason: ReasonCode | None = None

    def __init__(self, code: ReturnCode, why: str = "", reason: ReasonCode | None = None) -> None:
        """Keep what the module will answer unless it catches this, and why, for the log.

        Raises:
            ValueError: for `SUCCESS`.

        """
        if code is ReturnCode.SUCCESS:
            raise ValueError("an Abort cannot be SUCCESS")
        super().__init__(why or str(code))
        self.code = code
        self.why = why
        self.reason = reason

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - as many types as attributes
        """Return an attribute; a `code` that would grant, or is none, is `SYSTEM_ERR`."""
        value = super().__getattribute__(name)
        if name == "code" and (type(value) is not ReturnCode or value is ReturnCode.SUCCESS):
            return ReturnCode.SYSTEM_ERR
        return value


def answer_of(abort: Abort) -> ReturnCode:
    """Return what an entry answers whose module lets `abort` pass.

    That is its code; a question that the application has put off (`CONV_AGAIN`) is
    `INCOMPLETE`: the entry is asked again when the application goes on.
    """
    code = abort.code
    return ReturnCode.INCOMPLETE if code is ReturnCode.CONV_AGAIN else code


class NameAnswer(NamedTuple):
    """What a test of a name says: a code; why, and the reason code, for the trace and the log."""

    code: ReturnCode
    why: str = ""
    reason: ReasonCode | None = None


NameTest = Callable[[str], Awaitable[NameAnswer]]
"""Says what a module decides about a user's name; see `Attempt.test_name`."""


class Attempt(Protocol):
    """What a module sees of a transaction.

    Everything here is for the module that is being asked, while it is being
    asked.
    """

    user: str | None
    """The PAM user as far as known now, without asking; see `get_user`."""
    guess: Any
    """The password or proof of this login that counts as a failure until it was right."""

    @property
    def name_kind(self) -> NameKind:
        """What the user's name is: typed, or exactly an authid or address; see `get_user`."""
        ...

    @property
    def operation(self) -> Operation:
        """What the application asks."""
        ...

    @property
    def flags(self) -> int:
        """A set of `Flag`; in `chauthtok` one of `PRELIM_CHECK` and `UPDATE_AUTHTOK` is in it."""
        ...

    @property
    def service(self) -> str:
        """The name of the service."""
        ...

    @property
    def login_name(self) -> str | None:
        """The name as it was typed, whatever the user has become since."""
        ...

    @property
    def rhost(self) -> str | None:
        """The peer's host name or address."""
        ...

    @property
    def ruser(self) -> str | None:
        """The user on whose behalf the peer asks, as the peer says."""
        ...

    @property
    def tty(self) -> str | None:
        """The terminal, or what stands for one."""
        ...

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        ...

    @property
    def mechanism(self) -> str | None:
        """The SASL mechanism by which the person came; `None` for a typed password."""
        ...

    @property
    def exchange(self) -> Exchange | None:
        """The SASL exchange that stands for a password; `None` if the person sent one.

        A module that cannot judge this kind of exchange answers `CRED_UNAVAIL`,
        which is also what `get_authtok` then raises.
        """
        ...

    @property
    def delegated(self) -> bool:
        """Whether another user was authenticated, and acts for this one.

        `acct_mgmt` then asks whether the account may be used; the age of a
        password that was not used is of no interest.
        """
        ...

    @property
    def caller_uid(self) -> int | None:
        """The UNIX uid of the calling process, if the application knows it."""
        ...

    async def get_user(self, prompt: str | None = None) -> str:
        """Return the user, asking for the name if no module did (pam_get_user(3)).

        A name that the USERLIST knows is replaced by the user's authid, so
        that every way of writing a name meets the same rules. What a person
        typed may be any name of exactly one user; what a ticket, a token or a
        certificate names, and what `confirm_user` has confirmed, is an authid,
        octet by octet (`NameKind`).

        Raises:
            Abort: `CONV_ERR`, `CONV_AGAIN`, or `AUTHINFO_UNAVAIL` if the
                USERLIST cannot be read.

        """
        ...

    async def test_name(self, test: NameTest) -> ReturnCode:
        """Return the code that `test` has for the user's name, and remark why.

        A module that decides something by looking at the user's name decides it
        by this: the test is asked again when another module confirms who the
        user is, by another name. It MUST depend on nothing but the name that it
        is given, and on what is known of that user (`get_record`).

        Raises:
            Abort: as `get_user`, and what `test` raises.

        """
        ...

    async def confirm_user(self, name: str) -> None:
        """Make `name` the user: so the directory, the KDC or the host calls who logs in.

        For a module that has proof of who logs in, on its way to `SUCCESS` (or
        to `NEW_AUTHTOK_REQD`): with any other answer, the user becomes again
        who it was. `name` is the canonical one: the same for every way in which
        the name of this user may be typed. From then on it is exact: the
        USERLIST has this user only by the authid `name`, octet by octet.

        Raises:
            Abort: `PERM_DENIED` if a test of the name (`test_name`) that stood
                before says something else about `name`, or if the user is known
                already by another exact name; `USER_UNKNOWN` for an anonymous
                login, or a `name` that cannot be one; what a test raises. The
                module MUST NOT answer `SUCCESS` then.

        """
        ...

    async def get_record(self, *, anew: bool = False, needed: bool = True) -> Any:  # noqa: ANN401
        """Return the `Account` that the USERLIST has of the user, or `None` if it has none.

        The type is that of the user store, for the modules that are made for it; any
        other module annotates it as `Account | None` (`ualauth.contract.account`).

        It is what the database has now, or had at the beginning of this
        operation; with `anew` it is read, unless that was done in this
        operation already. Where it is not `needed`, no USERLIST is no user.

        Raises:
            Abort: as `get_user`; `AUTHINFO_UNAVAIL` if there is no USERLIST, too.

        """
        ...

    async def get_groups(self, names: Iterable[str] = (), *, needed: bool = True) -> Memberships:
        """Return the groups of the USERLIST that the user is in, and which of `names` are none.

        `names` are groups that the module is going to look for. The groups are those of the
        database now, or of the beginning of this operation. A user whom the USERLIST does not
        have is in no group. Where it is not `needed`, no USERLIST has no groups.

        Raises:
            Abort: as `get_record`.

        """
        ...

    def record_at_hand(self) -> Any:  # noqa: ANN401 - as `get_record`
        """Return what `get_record` would return without waiting, or `None` if it would wait."""
        ...

    async def get_authtok(
        self,
        item: Item = Item.AUTHTOK,
        *,
        prompt: str | None = None,
        use_only_present: bool = False,
        verify: bool = True,
    ) -> str:
        """Return a token, asking for it if no module did (pam_get_authtok(3)).

        During `chauthtok`, `AUTHTOK` is the new password and, with `verify`,
        asked for twice. `use_only_present` is `use_first_pass` (and
        `use_authtok` for the new password): never ask.

        Raises:
            Abort: `AUTH_ERR`, `AUTHTOK_ERR`, `TRY_AGAIN` (the two new ones
                differ) or `CONV_AGAIN`.

        """
        ...

    def authtok_at_hand(self, *, use_only_present: bool = False) -> str | None:
        """Return what `get_authtok` would return without asking, or `None` if it would not.

        Not for `chauthtok`.
        """
        ...

    async def verify_authtok(self, prompt: str | None = None) -> str:
        """Return the new password, asked for a second time (pam_get_authtok_verify(3)).

        For a module that looks at the new password before it is retyped.

        Raises:
            Abort: as `get_authtok`.

        """
        ...

    async def ask(self, *messages: TextMessage) -> list[Answer]:
        """Put messages to the person (pam_conv(3)).

        Raises:
            Abort: `CONV_ERR` or `CONV_AGAIN`.

        """
        ...

    async def challenge(self, data: bytes) -> bytes:
        """Send `data` to the program at the other end, and return its response.

        Raises:
            Abort: `CONV_ERR` or `CONV_AGAIN`.

        """
        ...

    async def tell(self, message: Info | Error) -> None:
        """Show the person a text, unless the application asked for silence.

        Whether the user sees it makes no difference.
        """
        ...

    async def offload(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """Return `function(*args)`, called where it may block."""
        ...

    async def compute(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """Return `function(*args)`, called where it may keep a processor busy.

        As many run at once as there are processors, and none of them holds up
        what is offloaded.
        """
        ...

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Return the result of an asyncio awaitable; needs the asyncio runtime."""
        ...

    async def readable(self, fileno: int, seconds: float) -> bool:
        """Return whether `fileno` can be read (or is at its end) before `seconds` are over.

        It MUST stay open meanwhile, and nothing else may wait for it.
        """
        ...

    async def decide_once(
        self,
        module: Module[Any],
        decide: Callable[[], Awaitable[ReturnCode]],
    ) -> ReturnCode:
        """Return what `decide` answers; `module` is the one that is being asked.

        Where the walk repeats or resumes an earlier one (`setcred`,
        `close_session`, the second pass of `chauthtok`, what `INCOMPLETE`
        interrupted), it is what `decide` answered then: one login takes one path.
        What `decide` raises is not kept.
        """
        ...

    async def run_stack(self, module: Module[Any]) -> ReturnCode:
        """Run the stack of `module.nested_service()` for this operation; return its verdict.

        `module` is the one that is being asked. `INCOMPLETE` MUST be passed on;
        when the module is asked again, the stack goes on where it stopped. A
        service without entries of this type answers `PERM_DENIED`.
        """
        ...

    def get_item(self, item: Item) -> Any:  # noqa: ANN401 - as many types as items
        """Return an item, or `None` (pam_get_item(3))."""
        ...

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - likewise
        """Set an item (pam_set_item(3))."""
        ...

    def get_data(self, name: str) -> Any:  # noqa: ANN401 - whatever was stored
        """Return what a module stored under `name`.

        Raises:
            Abort: `NO_MODULE_DATA` if nothing was, as pam_get_data(3).

        """
        ...

    def set_data(
        self,
        name: str,
        value: object,
        cleanup: Callable[[object, int], None] | None = None,
    ) -> None:
        """Store `value` until the transaction ends (pam_set_data(3)).

        `cleanup(value, status)` is called when it is replaced or the
        transaction ends.
        """
        ...

    def getenv(self, name: str) -> str | None:
        """Return a variable of the transaction's environment (pam_getenv(3))."""
        ...

    def putenv(self, text: str) -> ReturnCode:
        """Set, empty or delete a variable: `N=V`, `N=`, `N` (pam_putenv(3))."""
        ...

    def fail_delay(self, seconds: float) -> None:
        """Ask for a delay if the operation fails; the largest wins (pam_fail_delay(3))."""
        ...

    def vouch(self, person: Person) -> None:
        """Say who this is; it counts only if the entry answers `SUCCESS`."""
        ...

    def remark(self, text: str) -> None:
        """Say something for the trace and the log; the person never sees it. No secrets."""
        ...

    def explain(self, reason: ReasonCode, text: str) -> None:
        """Say why the entry does not succeed, as `remark` does, with the code of the reason.

        The last reason that an entry gives counts; it MUST be one of `Module.reasons`.
        """
        ...

    def resource(self, kind: type[T]) -> T:
        """Return what the entries of the application share; see `ualauth.contract.resources`.

        `kind` has a class method `open`, which is called when it is first asked for.

        Raises:
            ModuleUnavailable: if this application has none of that kind.

        """
        ...
