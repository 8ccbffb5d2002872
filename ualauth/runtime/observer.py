"""What looks on at logins: composed into a way in when that is made, and not there otherwise.

An observer may wrap each login, each operation of a transaction and each method of a module, and
may put a subclass in the place of a class that a way in is built of. Without observers a way in
is built of the classes themselves: a login makes no call and no test for their sake.

Observers only look on: what they return does what it was made of does.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Protocol, TypeVar

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.identity import Identity
from ualauth.contract.module import Method
from ualauth.runtime.handle import Handle
from ualauth.runtime.login import login
from ualauth.runtime.remembered_verdicts import repeat
from ualauth.runtime.sasl_login import SaslLogin
from ualauth.stack.line import Observe

T = TypeVar("T")

LogIn = Callable[[Handle, Any], Coroutine[Any, Any, Identity]]
"""Runs a whole login: of a password or exchange that is complete, of a `SaslLogin`, or of a
verdict that is remembered."""
Perform = Callable[[Handle, Operation, int], Coroutine[Any, Any, ReturnCode]]
"""Runs an operation of a transaction."""


class Observer:
    """The base of observers: looks at nothing."""

    def kind(self, kind: type[T]) -> type[T]:
        """Return the class that takes the place of `kind`: itself, or a subclass."""
        return kind

    def login(self, log_in: LogIn) -> LogIn:
        """Return what runs a login as `log_in` does."""
        return log_in

    def operation(self, perform: Perform) -> Perform:
        """Return what runs an operation of a transaction as `perform` does."""
        return perform

    def not_offered(self, service: str, mechanism: str) -> None:
        """Note that a client asked a service for a mechanism that it does not offer."""

    def method(self, module: str, operation: Operation, method: Method) -> Method:  # noqa: ARG002 - for those who do
        """Return a method that does what that of a module does; `module` is as in its entry."""
        return method


class Composition:
    """What a way in is built of, with or without observers."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        """Compose it; the first of the observers is next to what it looks at."""
        self._observers = tuple(observers)
        self.login: LogIn = login
        """Runs the login of a password or exchange."""
        self.repeat: LogIn = repeat
        """Runs a login that repeats another; see `remembered_verdicts`."""
        self.perform: Perform = Handle.perform
        self.observe: Observe | None = None
        """See `stack.line.Collector.observe`."""
        self.sasl_login = SaslLogin
        if self._observers:
            self._compose()

    def _compose(self) -> None:
        run: LogIn = _run
        for each in self._observers:
            if not isinstance(each, Observer):
                raise TypeError(f"observers are such as Metrics(), not {type(each).__name__}")
            self.login, run = each.login(self.login), each.login(run)
            self.repeat = each.login(self.repeat)
            self.perform = each.operation(self.perform)
        self.observe = self._observe

        class ObservedSaslLogin(SaslLogin):
            """A login by SASL that observers look at, the client's last word included."""

            __slots__ = ()

            def run(self) -> Coroutine[Any, Any, Identity]:
                """See `SaslLogin.run`."""
                return run(self.handle, self)

        self.sasl_login = ObservedSaslLogin

    def kind(self, kind: type[T]) -> type[T]:
        """Return the class that takes the place of `kind`."""
        for each in self._observers:
            kind = each.kind(kind)
        return kind

    def not_offered(self, service: str, mechanism: str) -> None:
        """See `Observer.not_offered`."""
        for each in self._observers:
            each.not_offered(service, mechanism)

    def _observe(self, module: str, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        for each in self._observers:
            methods = tuple(
                each.method(module, operation, methods[operation]) for operation in Operation
            )
        return methods


def _run(_handle: Handle, sasl_login: SaslLogin) -> Coroutine[Any, Any, Identity]:
    return SaslLogin.run(sasl_login)


class Course(Protocol):
    """Is told when something that is awaited runs."""

    def resume(self) -> None:
        """It runs now, until the next `pause`."""
        ...

    def pause(self, request: object) -> None:
        """It has made a request and waits, or has ended; then the request is `None`."""
        ...


@types.coroutine
def attended(awaitable: Any, course: Course) -> Generator[Any, Any, Any]:  # noqa: ANN401 - as it is
    """Await something as `await` does (PEP 380), and tell `course` how it goes."""
    iterator = awaitable.__await__()
    answer: object = None
    failure: BaseException | None = None
    while True:
        request = None
        course.resume()
        try:
            if failure is not None:
                request = iterator.throw(failure)
            elif answer is None:
                request = next(iterator)
            else:
                request = iterator.send(answer)
        except StopIteration as stop:
            return stop.value
        finally:
            course.pause(request)
            answer = failure = None
        try:
            answer = yield request
        except GeneratorExit:
            course.resume()
            try:
                iterator.close()
            finally:
                course.pause(None)
            raise
        except BaseException as error:  # noqa: BLE001 - for what is awaited to handle
            failure = error
