"""What a module is; `ualauth.module` says what one MUST do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from ualauth.codes import LEGAL, Operation, ReturnCode
from ualauth.contract.credentials import PASSWORD_ONLY, CredentialKind
from ualauth.contract.simulation import Simulated, Situation
from ualauth.reasons import Reasons

if TYPE_CHECKING:
    from ualauth.contract.evidence import Evidence
    from ualauth.contract.options import OptionProblem
    from ualauth.sources.files import FileRules, Missing, Text, Unusable
    from ualauth.sources.following import Parse, Watched
    from ualauth.sources.problem import Problem


O = TypeVar("O")  # noqa: E741 - O for options
T = TypeVar("T")


class Files(Protocol):
    """How a module reads files when an entry is compiled: `ualauth check` sees what is wrong.

    A relative path is one in the configuration folder.
    """

    def read(self, path: str) -> Text | Missing | Unusable:
        """Read a file. When it changes, the service is compiled anew, as when a service file does.

        For a file that is part of the configuration, and names others.
        """
        ...

    def watch(self, path: str, parse: Parse[T], rules: FileRules | None = None) -> Watched[T]:
        """Return a file as a value, that changes with it; what is wrong with it is reported.

        For data, which changes often: the service stays as it is. `Watched.current` has the
        value at login time; it may block, so that it goes through `Attempt.offload`.
        """
        ...

    def inspect(self, path: str, rules: FileRules | None = None) -> Text | Missing | Unusable:
        """Look at a file, or folder, that a library opens itself; what is found has no text.

        What is wrong with it is reported.
        """
        ...


class Repeatable(NamedTuple):
    """An answer that an entry would give again to a login that is the same in all it can see.

    That is the service, the name and the password as they came, the peer and the mechanism, and
    what the USERLIST has of users and groups: whatever of it changes asks the entry anew.
    """

    still: Callable[[], bool] | None = None
    """Says whether the answer would be the same now, as far as it depends on more: a file, a
    clock, a count. It is called at each login that repeats this one, and MUST answer at once;
    anything but `True`, an exception too, has the entry asked. It MUST keep no secret."""
    again: Callable[[], None] | None = None
    """Is called where such a login was answered without the entry, if observers look on: for what
    the module counts by itself."""


ALWAYS = Repeatable()
"""An answer that depends on nothing more."""


class Module(Generic[O]):
    """The base of every module; the docstring's first line is its description.

    One instance is made for each entry of a compiled stack, and serves many
    logins at once.
    """

    options_type: ClassVar[type[Any]]
    """The dataclass that reads the entry's arguments."""

    def __init__(self, options: O) -> None:
        """Keep the options; MUST NOT open or read anything."""
        self.options = options

    verifies: frozenset[CredentialKind | str] = PASSWORD_ONLY
    """What `authenticate` can judge: a service offers the SASL mechanisms for which a module can.

    Empty for a module that looks at something else. Where options decide, or a library may be
    missing, `__init__` sets it. A text is a kind that another package's mechanism has.
    """

    reasons: ClassVar[Reasons] = {}
    """Why it may not succeed, and what it answers then: all that it gives to `Attempt.explain`.

    What only the runtime says of a module (it has a bug, was late, is missing) is not here.
    """

    proves: Evidence | None = None
    """What the `SUCCESS` of `authenticate` proves, for `ualauth check`.

    `None` for a credential where it verifies any, and nothing where it does not.
    """

    may_ignore: bool = True
    """Whether `authenticate` may answer `IGNORE`, which leaves the login to the other entries."""

    libraries: ClassVar[Sequence[str]] = ()
    """Packages of others that some entry of it needs: `ualauth modules` tells which are missing."""

    lacks: Sequence[OptionProblem] = ()
    """What this entry lacks, a library above all: `ualauth check` tells of it, at the line.

    `__init__` or `configure` sets it, by `missing_libraries`.
    """

    confirms_user: ClassVar[bool] = False
    """Whether it calls `Attempt.confirm_user`."""

    proves_password: ClassVar[bool] = False
    """Whether it calls `Attempt.prove_password`: `om_auth learn` stores what is proved."""

    tests_names: ClassVar[bool] = False
    """Whether whatever it decides by the user's name it decides by `Attempt.test_name`.

    `ualauth check` warns of a module that does not say so, and verifies no proof, before
    one that confirms who the user is: what it decides may hold for one spelling only.
    """

    needs_host_account: bool = False
    """Whether the entry answers `USER_UNKNOWN` of a user who has no account on the host."""

    nested: Sequence[Any] = ()
    """The stack of `nested_service()`, put here when the entry is compiled."""

    def configure(self, files: Files) -> Sequence[Problem]:  # noqa: ARG002 - for those who do
        """Read what the entry needs besides its arguments; return what is wrong with it.

        Called once, when the entry is compiled. With any problem but a warning, the entry
        answers `SERVICE_ERR`; what `Files.watch` reports does not do that.
        """
        return ()

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return the codes that the entry may answer to an operation it has a method for.

        `ualauth check` concludes from them what a stack can come to; one too many makes a
        conclusion vague, one that is missing makes it wrong. What every module may come to (it
        runs out of time, or raises an exception) need not be among them.
        """
        if operation is Operation.AUTHENTICATE and not self.may_ignore:
            return LEGAL[operation] - {ReturnCode.IGNORE}
        return LEGAL[operation]

    def repeatable(
        self,
        attempt: Any,  # noqa: ANN401, ARG002 - an `Attempt`; for those who do
        operation: Operation,  # noqa: ARG002 - likewise
        code: ReturnCode,  # noqa: ARG002 - likewise
    ) -> Repeatable | None:
        """Return on what the answer `code` depends that the entry gave to `operation`, in a login.

        `None`, as by default, if it may be another one the next time for a reason that cannot be
        told at once: a server was asked, something was counted or written. Where every entry that
        a granted login asked says that its answer is repeatable, the next login that is the same
        may be granted without asking any of them.

        It is called after the login was granted, for each answer. What `Repeatable.still` compares
        with may be newer than what the entry has looked at: the runtime believes it only if it
        held before and after a whole login. It MUST NOT wait, nor ask anything.
        """
        return None

    async def simulate(self, attempt: Any, situation: Situation) -> Simulated:  # noqa: ANN401, ARG002 - an `Attempt`; for those who do
        """Return what the entry would answer to `attempt.operation`, for `ualauth explain`.

        It MUST be exactly what the method would answer in that situation, and say why
        (`Attempt.explain`, `Attempt.remark`) as that does. The password is not there: what stands
        for it is no user's. It is asked about `authenticate` and `acct_mgmt` only.

        It MAY read: the user's record, files, what the host knows. It MUST NOT ask a server
        other than the USERLIST's, write, count a failure, or compute a hash; the USERLIST is
        opened for reading alone. What depends on a server is `None`: what a login comes to is
        then assumed by the situation, or given by the caller. A module that only reads has
        `simulate = by_its_method`.
        """
        return None

    def users_in_files(self) -> Iterable[tuple[str, Problem]]:
        """Yield the users whom files of `configure` name, each with what is wrong if it is none.

        They are compared with authids: `ualauth check` tells of those that the USERLIST knows
        by another name, and of addresses that it does not know.
        """
        return ()

    def named_groups(self) -> Sequence[str]:
        """Return the groups of the USERLIST that the entry names: `ualauth check` looks for them.

        Without one of them, the module cannot decide.
        """
        return ()

    def groups_in_files(self) -> Iterable[tuple[str, Problem]]:
        """Yield the groups whom files of `configure` name, each with what is wrong if it is none.

        They are groups of the USERLIST or else of the host: `ualauth check` tells of others.
        """
        return ()

    def nested_service(self) -> str | None:
        """Return the service whose stack the entry may run by `Attempt.run_stack`, if any.

        It is compiled together with the entry, as a `substack` would be. The
        option that names it is best called `stack`.
        """
        return None


Method = Callable[[Any], Awaitable[ReturnCode] | ReturnCode]
"""A module's method bound to its instance: an attempt in, a code out."""
M = TypeVar("M", bound=Callable[..., Any])


async def by_its_method(module: Module[Any], attempt: Any, situation: Situation) -> Simulated:  # noqa: ANN401, ARG001 - as `simulate`
    """Simulate a module that only reads, and needs no password: its method answers itself."""
    method: Method = getattr(module, attempt.operation.method)
    answer = method(attempt)
    return answer if isinstance(answer, ReturnCode) else await answer


def immediate(method: M) -> M:
    """Mark a plain method that answers at once: it never blocks, and returns a `ReturnCode`.

    It is called on the spot instead of being offloaded. Where it has to ask
    after all, it may return an awaitable of the code.
    """
    method.answers_at_once = True  # type: ignore[attr-defined]  # read by ualauth.stack.bind
    return method
