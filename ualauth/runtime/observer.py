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
from ualauth.contract.credentials import Exchange, Password
from ualauth.contract.identity import Identity
from ualauth.contract.module import Method
from ualauth.runtime.handle import Handle
from ualauth.runtime.login import login
from ualauth.runtime.sasl_login import SaslLogin
from ualauth.stack.line import Watch

T = TypeVar("T")

Login = Coroutine[Any, Any, Identity]
Performed = Coroutine[Any, Any, ReturnCode]
LogIn = Callable[[Handle, Password | Exchange], Login]
Perform = Callable[[Handle, Operation, int], Performed]


class Observer:
    """The base of observers: looks at nothing."""

    def kind(self, kind: type[T]) -> type[T]:
        """Return the class that takes the place of `kind`: itself, or a subclass."""
        return kind

    def login(self, handle: Handle, run: Login) -> Login:  # noqa: ARG002 - for those who do
        """Return a coroutine that does what `run` does, a whole login."""
        return run

    def operation(self, handle: Handle, operation: Operation, run: Performed) -> Performed:  # noqa: ARG002
        """Return a coroutine that does what `run` does, an operation of a transaction."""
        return run

    def method(self, module: str, operation: Operation, method: Method) -> Method:  # noqa: ARG002
        """Return a method that does what that of a module does; `module` is as in its entry."""
        return method


class Composition:
    """What a way in is built of, with or without observers."""

    login: LogIn
    perform: Perform
    watch: Watch | None

    def __init__(self, observers: Iterable[Observer]) -> None:
        """Compose it; the first of the observers is next to what it looks at."""
        self._observers = tuple(observers)
        for each in self._observers:
            if not isinstance(each, Observer):
                raise TypeError(f"observers are such as Metrics(), not {type(each).__name__}")
        self.login = self._login if self._observers else login
        self.perform = self._perform if self._observers else Handle.perform
        self.watch = self._watch if self._observers else None
        self.sasl_login = self._observed_sasl_login() if self._observers else SaslLogin

    def kind(self, kind: type[T]) -> type[T]:
        """Return the class that takes the place of `kind`."""
        for each in self._observers:
            kind = each.kind(kind)
        return kind

    def _login(self, handle: Handle, credential: Password | Exchange) -> Login:
        return self._observed(handle, login(handle, credential))

    def _observed(self, handle: Handle, run: Login) -> Login:
        for each in self._observers:
            run = each.login(handle, run)
        return run

    def _perform(self, handle: Handle, operation: Operation, flags: int) -> Performed:
        run = handle.perform(operation, flags)
        for each in self._observers:
            run = each.operation(handle, operation, run)
        return run

    def _watch(self, module: str, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        for each in self._observers:
            methods = tuple(
                each.method(module, operation, methods[operation]) for operation in Operation
            )
        return methods

    def _observed_sasl_login(self) -> type[SaslLogin]:
        observed = self._observed

        class ObservedSaslLogin(SaslLogin):
            """A login by SASL that observers look at, the client's last word included."""

            __slots__ = ()

            def run(self) -> Login:
                """See `SaslLogin.run`."""
                return observed(self.handle, SaslLogin.run(self))

        return ObservedSaslLogin


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
