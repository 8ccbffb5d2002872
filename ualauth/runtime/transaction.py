"""What an application holds of one login of one user to one service."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.identity import Person
from ualauth.runtime.handle import Handle
from ualauth.runtime.trace import Reason, TraceStep

R = TypeVar("R")

# Names of the module are found ten times as fast as members of an enumeration.
_SUCCESS = ReturnCode.SUCCESS
INTERRUPTED = ReturnCode.ABORT
"""What stands for the code of an operation that ended in an exception, such as Ctrl-C."""
_AUTHENTICATE, _SETCRED, _ACCT_MGMT, _OPEN_SESSION, _CLOSE_SESSION, _CHAUTHTOK = Operation


class BaseTransaction(Generic[R]):
    """What blocking and asyncio transactions share; `R` is what an operation returns.

    That is a `ReturnCode`, or a coroutine for one. Only `ReturnCode.SUCCESS`
    is a yes.
    """

    def __init__(self, handle: Handle) -> None:
        """Hold a transaction."""
        self._handle = handle
        self._last = _SUCCESS

    @abstractmethod
    def _perform(self, operation: Operation, flags: int) -> R:
        """Run one operation."""

    def authenticate(self, flags: int = 0) -> R:
        """Ask the auth stack who this is (pam_authenticate(3))."""
        return self._perform(_AUTHENTICATE, flags)

    def setcred(self, flags: int = 0) -> R:
        """Establish credentials, on the path that `authenticate` took (pam_setcred(3))."""
        return self._perform(_SETCRED, flags)

    def acct_mgmt(self, flags: int = 0) -> R:
        """Ask the account stack whether the account may be used (pam_acct_mgmt(3))."""
        return self._perform(_ACCT_MGMT, flags)

    def open_session(self, flags: int = 0) -> R:
        """Open a session (pam_open_session(3))."""
        return self._perform(_OPEN_SESSION, flags)

    def close_session(self, flags: int = 0) -> R:
        """Close it, on the path that `open_session` took (pam_close_session(3))."""
        return self._perform(_CLOSE_SESSION, flags)

    def chauthtok(self, flags: int = 0) -> R:
        """Change the password (pam_chauthtok(3))."""
        return self._perform(_CHAUTHTOK, flags)

    def get_item(self, item: Item) -> tuple[ReturnCode, Any]:
        """Return a code and the item; tokens are for modules only (pam_get_item(3))."""
        return self._handle.get_item(item)

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - many types
        """Set an item; tokens are for modules only (pam_set_item(3))."""
        return self._handle.set_item(item, value)

    def getenv(self, name: str) -> str | None:
        """Return a variable of the transaction's environment (pam_getenv(3))."""
        return self._handle.items.getenv(name)

    def putenv(self, text: str) -> ReturnCode:
        """Set, empty or delete a variable: `N=V`, `N=`, `N` (pam_putenv(3))."""
        return self._handle.items.putenv(text)

    def getenvlist(self) -> list[str]:
        """Return all variables as `N=V` (pam_getenvlist(3))."""
        return self._handle.items.getenvlist()

    def fail_delay(self, seconds: float) -> None:
        """Ask for a delay if the next operation fails; the largest wins (pam_fail_delay(3))."""
        self._handle.attempt.fail_delay(seconds)

    @property
    def delayed(self) -> float:
        """Seconds by which the last operation was delayed, or would have been."""
        return self._handle.delayed

    @property
    def could_not_check(self) -> bool:
        """Whether the last operation did not succeed, and that may be for want of checking.

        Some module could not check: a refusal then says nothing about the person.
        """
        return self._handle.could_not_check(self._last)

    @property
    def reason(self) -> Reason | None:
        """Why the last operation did not succeed, and who decided it; `None` if it did.

        For administrators, and never for the peer: it says which part was wrong.
        """
        return None if self._last is _SUCCESS else self._handle.reason(self._last)

    @property
    def person(self) -> Person | None:
        """Whom the modules vouch for so far; this grants nothing, the codes do."""
        return self._handle.attempt.person

    @property
    def trace(self) -> list[TraceStep]:
        """Every entry asked: operation, file, line, module, code, action, states."""
        return self._handle.trace

    @property
    def messages(self) -> tuple[str, ...]:
        """The texts that modules addressed to the person, in order."""
        return tuple(self._handle.attempt.messages)

    def close(self, status: int | None = None) -> None:
        """End the transaction; cleanups get `status`, or the last code (pam_end(3))."""
        self._handle.end(self._last if status is None else status)
