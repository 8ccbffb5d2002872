"""One call of a module's method, request by request, as the compliance suite makes it."""

# ruff: noqa: S101 - for tests, which assert

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.attempt import Abort, answer_of
from ualauth.contract.messages import Message
from ualauth.contract.requests import Ask, Request
from ualauth.errors import StoreError
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.watching import unwatched

_MOST_REQUESTS = 1000
"""Requests of one call. A module that never ends is found by this, and not by waiting."""


class Walk:
    """One call of a method, driven by hand, request by request: there is no event loop."""

    def __init__(
        self,
        method: Callable[[Any], Any],
        attempt: FakeAttempt,
        operation: Operation,
        flags: int,
    ) -> None:
        """Begin nothing yet."""
        self.code: object = None
        self._method = method
        self._attempt = attempt
        self._operation = operation
        self._flags = flags
        self._coroutine: Any = None
        self._request: object = None
        self._requests = 0
        self._over = False
        self.failure: BaseException | None = None
        """What becomes of a request, instead of being carried out."""
        self.failing: int | None = None
        """Which request fails, from 0; `None` is each of them."""
        self.failed = False
        """Whether the module requested something that failed so."""
        self.cancelled = False
        """Whether it let pass that it was cancelled."""

    def finish(self) -> object:
        """Go on to the end, and return the answer."""
        while self.step():
            pass
        return self.code

    def step(self) -> bool:
        """Go on until the next request was carried out; return whether there is more to do."""
        if self._over:
            return False
        self._attempt.operation = self._operation
        self._attempt.flags = self._flags
        try:
            self._go_on()
        except StopIteration as stop:
            self.code = stop.value
            self._over = True
        except Abort as abort:
            # As the runtime does, where the module itself gave no reason.
            if abort.reason is None:
                self._attempt.remark(abort.why)
            else:
                self._attempt.explain(abort.reason, abort.why)
            self.code = answer_of(abort)
            self._over = True
        except (TimeoutError, StoreError):
            self.code = ReturnCode.AUTHINFO_UNAVAIL
            self._over = True
        return not self._over

    def _go_on(self) -> None:
        if self._coroutine is None:
            result = self._method(self._attempt)
            if isinstance(result, ReturnCode):
                raise StopIteration(result)
            assert isinstance(result, Awaitable), f"{self._operation} answers {result!r}"
            self._coroutine = result.__await__()
            self._request = next(self._coroutine)
            return
        self._requests += 1
        assert self._requests <= _MOST_REQUESTS, f"{self._operation} does not end"
        assert isinstance(self._request, Request), (
            f"{self._operation} awaits {self._request!r}: use attempt.offload, ask or wait"
        )
        if isinstance(self._request, Ask):
            wrong = [each for each in self._request.messages if not isinstance(each, Message)]
            assert not wrong, f"{self._operation} asks what is no message, but {type(wrong[0])!r}"
        try:
            if self.failure is not None and self.failing in {None, self._requests - 1}:
                self.failed = True
                raise self.failure  # noqa: TRY301 - as carrying it out would
            with unwatched():
                outcome = self._attempt.carry_out(self._request)
        except BaseException as error:  # noqa: BLE001 - the module's to handle
            self._request = self._coroutine.throw(error)
        else:
            self._request = self._coroutine.send(outcome)
