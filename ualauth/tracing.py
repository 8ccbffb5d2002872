"""Traces for OpenTelemetry, by its API alone (extra `tracing`).

    from ualauth import Authenticator
    from ualauth.tracing import Tracing

    auth = Authenticator("/etc/ualauth", observers=[Tracing()])

A login is a span `authenticate SERVICE`, a child of the span that the application is in; each
module that is asked is a child of that. Without an SDK in the application, nothing is kept.

Attributes are those of OpenTelemetry's semantic conventions where there is one. No span has a
password, what a client sent, a name as it was typed, or the text of an exception.
"""

from __future__ import annotations

from ualauth.system.extras import require

require(__name__, "opentelemetry")

from contextlib import contextmanager  # noqa: E402 - says first what is missing
from typing import TYPE_CHECKING, Any  # noqa: E402 - as above

from opentelemetry import context, trace  # noqa: E402 - as above
from opentelemetry.trace import Span, StatusCode, TracerProvider  # noqa: E402 - as above

from ualauth import __version__  # noqa: E402 - as above
from ualauth.codes import UNCHECKED, Operation, ReturnCode  # noqa: E402 - as above
from ualauth.contract.identity import Identity  # noqa: E402 - as above
from ualauth.contract.module import Method  # noqa: E402 - as above
from ualauth.errors import AuthenticationError  # noqa: E402 - as above
from ualauth.runtime.dispatch import code_of_exception  # noqa: E402 - as above
from ualauth.runtime.handle import Handle  # noqa: E402 - as above
from ualauth.runtime.observer import LogIn, Observer, Perform, attended  # noqa: E402 - as above
from ualauth.runtime.outcome import Outcome, outcome_of, outcome_of_exception  # noqa: E402 - as above
from ualauth.sources.problem import printable  # noqa: E402 - as above
from ualauth.stack.registry import plain_name  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Tracing"]

_LONGEST = 255
"""Characters of what an application says of a peer."""
_OF_OUTCOMES = (Operation.AUTHENTICATE, Operation.ACCT_MGMT, Operation.CHAUTHTOK)
"""Operations whose codes are outcomes; the others have none."""


class Tracing(Observer):
    """Makes spans of the logins of ways in that have it among their `observers`."""

    def __init__(
        self, tracer_provider: TracerProvider | None = None, *, user_ids: bool = False
    ) -> None:
        """Use a provider of tracers, or the one that the application has set.

        With `user_ids`, spans have who was found to log in, as `user.id`: personal data.
        """
        self._tracer = trace.get_tracer("ualauth", __version__, tracer_provider)
        self._user_ids = user_ids

    def login(self, log_in: LogIn) -> LogIn:
        """See `Observer.login`."""

        async def traced(handle: Handle, credential: Any) -> Identity:  # noqa: ANN401 - as `log_in`
            with self._span(handle, Operation.AUTHENTICATE) as span:
                run = log_in(handle, credential)
                identity: Identity = await attended(run, _Current(span))
                span.set_attribute("ualauth.outcome", str(Outcome.GRANTED))
                return identity

        return traced

    def operation(self, perform: Perform) -> Perform:
        """See `Observer.operation`."""

        async def traced(handle: Handle, operation: Operation, flags: int) -> ReturnCode:
            with self._span(handle, operation) as span:
                run = perform(handle, operation, flags)
                code: ReturnCode = await attended(run, _Current(span))
                _note_code(span, code)
                if operation in _OF_OUTCOMES:
                    could_not_check = handle.could_not_check(code)
                    outcome = outcome_of(operation, code, could_not_check=could_not_check)
                    _note_outcome(span, outcome)
                return code

        return traced

    def method(self, module: str, operation: Operation, method: Method) -> Method:
        """See `Observer.method`."""
        name = plain_name(module)
        title = f"{operation.method} {name}"
        attributes = {"ualauth.module": name, "ualauth.operation": operation.method}
        tracer = self._tracer

        async def awaited(answer: Any, span: Span) -> ReturnCode:  # noqa: ANN401 - a module's
            try:
                code: ReturnCode = await attended(answer, _Current(span))
            except (Exception, SystemExit) as error:
                _note_exception(span, error)
                raise
            else:
                _note_answer(span, code)
                return code
            finally:
                span.end()

        def traced(attempt: Any) -> Any:  # noqa: ANN401 - as a module's
            span = tracer.start_span(title, attributes=attributes)
            waits = False
            current = _Current(span)
            current.resume()
            try:
                answer = method(attempt)
                waits = hasattr(answer, "__await__")
            except (Exception, SystemExit) as error:
                _note_exception(span, error)
                raise
            else:
                if not waits:
                    _note_answer(span, answer)
            finally:
                current.pause(None)
                if not waits:
                    span.end()
            return awaited(answer, span) if waits else answer

        return traced

    @contextmanager
    def _span(self, handle: Handle, operation: Operation) -> Iterator[Span]:
        """Have a span for a login or an operation, with all that is known at its end."""
        items = handle.items
        span = self._tracer.start_span(
            f"{operation.method} {items.service}", attributes={"ualauth.service": items.service}
        )
        try:
            yield span
        except AuthenticationError as error:
            _note_outcome(span, outcome_of_exception(error))
            _note_code(span, error.code)
            if error.reason is not None:
                span.set_attribute("ualauth.reason", str(error.reason))
            raise
        except Exception as error:
            _note_outcome(span, Outcome.UNAVAILABLE)
            span.set_attribute("error.type", _name_of(error))
            raise
        except BaseException:
            if handle.refusal is None:
                # The client or the application has given it up.
                span.set_attribute("ualauth.abandoned", value=True)
            else:
                _note_outcome(span, outcome_of_exception(handle.refusal))
                _note_code(span, handle.refusal.code)
            raise
        finally:
            self._note_peer(span, handle)
            span.end()

    def _note_peer(self, span: Span, handle: Handle) -> None:
        if not span.is_recording():
            return
        items = handle.items
        span.set_attribute("tls.established", items.tls)
        span.set_attribute("ualauth.transaction", handle.transaction_id)
        span.set_attribute("ualauth.mechanism", items.mechanism or "password")
        if items.rhost:
            span.set_attribute("client.address", printable(items.rhost[:_LONGEST]))
        account = handle.attempt.account
        if self._user_ids and account is not None:
            span.set_attribute("user.id", account.user.authid)


class _Current:
    """Makes a span the current one while what is in it runs; see `Course`."""

    __slots__ = ("_context", "_token")

    def __init__(self, span: Span) -> None:
        """Make a context of it."""
        self._context = trace.set_span_in_context(span)
        self._token: Any = None

    def resume(self) -> None:
        """See `Course.resume`."""
        self._token = context.attach(self._context)

    def pause(self, _request: object) -> None:
        """See `Course.pause`."""
        context.detach(self._token)


def _note_answer(span: Span, code: object) -> None:
    """Note what a module has answered; what is no code makes no sense (`runtime.dispatch`)."""
    known = code if type(code) is ReturnCode else ReturnCode.SYSTEM_ERR
    span.set_attribute("ualauth.code", str(known))
    if known in UNCHECKED:
        span.set_attribute("error.type", str(known))
        span.set_status(StatusCode.ERROR)


def _note_exception(span: Span, error: BaseException) -> None:
    """Note that a module raised an exception, and not its text: it may repeat a secret."""
    _note_answer(span, code_of_exception(error)[0])
    span.set_attribute("error.type", _name_of(error))
    span.add_event("exception", {"exception.type": _name_of(error)})


def _note_code(span: Span, code: ReturnCode) -> None:
    span.set_attribute("ualauth.code", str(code))
    if code is not ReturnCode.SUCCESS:
        span.set_attribute("error.type", str(code))


def _note_outcome(span: Span, outcome: Outcome) -> None:
    """Note an outcome; a refusal is no error of the server's."""
    span.set_attribute("ualauth.outcome", str(outcome))
    if outcome is Outcome.UNAVAILABLE:
        span.set_status(StatusCode.ERROR)


def _name_of(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
