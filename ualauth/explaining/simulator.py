"""Runs logins that are only supposed: by the runtime's own walk, with other answers of entries.

Nothing is asked of a server but the USERLIST's, which is opened for reading alone; nothing is
counted, logged or noted. One thread may use a simulator at a time.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self, TypeVar, cast

from ualauth.codes import Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.contract.module import Method
from ualauth.contract.requests import Admission, Compute, DummyCompute, Offload, Sleep, Until
from ualauth.errors import AuthenticationError
from ualauth.explaining.answering import Answers
from ualauth.explaining.supposed import STAND_IN, SupposedMechanism
from ualauth.runtime import audit
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.audit_record import AuditRecord
from ualauth.runtime.base import BaseAuthenticator
from ualauth.runtime.handle import Handle
from ualauth.runtime.items import Items
from ualauth.runtime.login import login, refusal
from ualauth.runtime.observer import Observer
from ualauth.runtime.peer import Peer
from ualauth.runtime.sasl_login import SaslLogin
from ualauth.runtime.trace import TraceStep
from ualauth.sasl.mechanism import Channel, Mechanism, Wire
from ualauth.sasl.offer import is_allowed, is_offered
from ualauth.stack.model import Service
from ualauth.text.dataclass import dataclass

T = TypeVar("T")

_SUCCESS = ReturnCode.SUCCESS
_LOGIN = (Operation.AUTHENTICATE, Operation.ACCT_MGMT)


@dataclass(frozen=True, slots=True)
class Course:
    """How one supposed login went: its audit record, the trace, and what the user is told."""

    record: AuditRecord
    trace: tuple[TraceStep, ...]
    messages: tuple[str, ...]
    needs_tls: bool = False
    """Whether the mechanism is not offered without TLS."""
    why_not_offered: str = ""
    """Why the mechanism is not offered at all, if it is not: no entry was asked."""


class Simulator(BaseAuthenticator):
    """Builds handles whose entries answer as an `Answers` says."""

    def __init__(self, config: Config) -> None:
        """Remember the configuration; opens nothing."""
        super().__init__(config, [_Simulation()])

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        self.close()

    def run(
        self,
        service: Service,
        user: str | None,
        mechanism: type[Mechanism] | None,
        peer: Peer,
        answers: Answers,
    ) -> Course:
        """Run a login by a typed password, or by a mechanism.

        Without a user, the client has named none: an entry that wants to know cannot ask.
        """
        # By a mechanism, the client says the name later.
        named = user if mechanism is None else None
        handle = cast("_SupposedHandle", self._handle(service, named, peer))
        handle.supposed.answers = answers
        if mechanism is not None:
            channel = _channel(mechanism, peer, user)
            if not self.offers(service, mechanism, peer, user):
                return self._not_offered_course(handle, service, mechanism)
            verifiers = service.verifiers.get(mechanism.credential_kind, ())
            wire = Wire(handle.attempt, channel, verifiers)
            handle.go_by_steps()
            supposed = SupposedMechanism(mechanism, user or "", verifiers)
            coroutine: Coroutine[Any, Any, object] = SaslLogin(
                handle, supposed, wire, self.config.authorization, _no_other
            ).run()
        elif user is None:
            coroutine = _operations(handle)
        else:
            coroutine = login(handle, STAND_IN, learns=False)
        with _silence(), contextlib.suppress(AuthenticationError):
            _drive(coroutine)
        if not handle.records:
            handle.record(audit.LOGIN, Operation.ACCT_MGMT, _SUCCESS)
        messages = tuple(handle.attempt.messages)
        return Course(self._as_of(handle, answers), tuple(handle.trace), messages)

    def _handle(self, compiled: Service, user: str | None, peer: Peer) -> Handle:
        users = self if self._users is None else self._users
        items = Items(compiled.name, user)
        for name, value in peer.items():
            setattr(items, name, value)
        attempt = _SupposedAttempt(items, self.resource, users)
        return _SupposedHandle(compiled, attempt, self._load, self._frozen, self._identities)

    def offers(self, service: Service, kind: type[Mechanism], peer: Peer, user: str | None) -> bool:
        """Return whether a service offers a mechanism to a client that comes like this."""
        channel = _channel(kind, peer, user)
        return is_offered(kind, service.verifiers, self.offer_rules(service.name), channel)

    def _not_offered_course(
        self, handle: _SupposedHandle, service: Service, kind: type[Mechanism]
    ) -> Course:
        """Return what comes of a mechanism that is not offered; see `BaseAuthenticator`."""
        needs_tls = not handle.items.tls and self.offers(service, kind, {"tls": True}, "?")
        if needs_tls:
            why = "it needs TLS"
        elif not is_allowed(kind, rules := self.offer_rules(service.name)):
            why = f"{kind.name} is not in {rules.setting}"
        else:
            why = f"no module of the service can judge {kind.name}"
        self.record_not_offered(handle, kind.name, needs_tls=needs_tls)
        record = self._as_of(handle, handle.supposed.answers)
        return Course(record, (), (), needs_tls=needs_tls, why_not_offered=why)

    @staticmethod
    def _as_of(handle: _SupposedHandle, answers: Answers | None) -> AuditRecord:
        """Return the last record, as of the supposed time, without what is of this run."""
        record = handle.records[-1]
        moment = record.time if answers is None else answers.moment.timestamp()
        return replace(record, time=moment, transaction="0" * 16, duration=0.0)


class _SupposedAttempt(RunningAttempt):
    """An attempt whose entries answer as it is told."""

    answers: Answers | None = None


class _SupposedHandle(Handle):
    """A handle that notes no login, and keeps the records."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - those of `Handle`
        """Begin with no record."""
        super().__init__(*arguments)
        self.records: list[AuditRecord] = []
        self.hand_over = self.records.append

    @property
    def supposed(self) -> _SupposedAttempt:
        """The attempt."""
        return cast("_SupposedAttempt", self.attempt)

    def _note_login(self, account: object) -> None:
        """Note nothing."""


class _Simulation(Observer):
    """Puts what answers as it is told in the place of the modules' methods."""

    def kind(self, kind: type[T]) -> type[T]:
        """Return a USERLIST that is opened for reading alone."""
        # To import it takes long, and not every service needs it.
        if kind.__module__ == "ualauth.userlist.store" and kind.__name__ == "UserStore":
            return _reading(kind)
        return kind

    def method(self, module: str, operation: Operation, method: Method) -> Method:  # noqa: ARG002 - the entry says it
        """Return what answers in the place of a method."""
        return partial(_answer, operation, method)


def _answer(
    operation: Operation, method: Method, attempt: _SupposedAttempt | None
) -> Coroutine[Any, Any, ReturnCode] | ReturnCode:
    answers = None if attempt is None else attempt.answers
    if attempt is None or answers is None:
        # What looks at a stack asks without a login: then there is no module.
        fixed: Any = method(None)
        return cast("ReturnCode", fixed)
    return answers.answer(operation, method, attempt)


def _reading(kind: type[T]) -> type[T]:
    base: Any = kind

    class ReadingStore(base):  # type: ignore[misc]  # whichever store it is
        """A USERLIST that takes no changes."""

        @classmethod
        def open(cls, resources: Any) -> Any:  # noqa: ANN401 - see `Resource.open`
            """See `Resource.open`."""
            config = resources.config
            return cls(config.userlist_url, timeout=config.userlist.timeout, read_only=True)

    return cast("type[T]", ReadingStore)


async def _operations(handle: Handle) -> None:
    """Ask what a login asks, of a client that has not said who it is."""
    handle.by_itself = False
    for operation in _LOGIN:
        code = await handle.perform(operation)
        if code is not _SUCCESS:
            raise refusal(handle, audit.LOGIN, operation, code)


def _no_other(user: str) -> Handle:
    raise RuntimeError(f"no login for {user!a} is supposed")


def _channel(kind: type[Mechanism], peer: Mapping[str, object], user: str | None) -> Channel:
    """Return the connection as the mechanism needs it, as far as TLS could bring that along."""
    if not peer.get("tls"):
        return Channel()
    bindings = {"tls-exporter": b""} if kind.binds else {}
    return Channel(tls=True, bindings=bindings, certificate_name=user or "")


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine, reading on the spot, waiting for nothing and computing nothing."""
    result: object = None
    failure: BaseException | None = None
    try:
        while True:
            request = coroutine.send(result) if failure is None else coroutine.throw(failure)
            result = failure = None
            match request:
                case Sleep() | Until() | Admission() | DummyCompute():
                    pass
                case Offload(function, args) if not isinstance(request, Compute):
                    try:
                        result = function(*args)
                    except Exception as error:  # noqa: BLE001 - the module's to handle
                        failure = error
                case _:
                    what = type(request).__name__
                    failure = RuntimeError(f"a simulation only reads, and requests {what}")
    except StopIteration as stop:
        return cast("T", stop.value)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Log nothing of this thread meanwhile: nothing that the log says has taken place."""
    thread = threading.get_ident()

    def passes(_record: logging.LogRecord) -> bool:
        return threading.get_ident() != thread

    loggers = [logging.getLogger(f"ualauth.{name}") for name in _LOGGERS]
    for each in loggers:
        each.addFilter(passes)
    try:
        yield
    finally:
        for each in loggers:
            each.removeFilter(passes)


_LOGGERS = ("login", "attempt", "sasl", "guesses", "modules.om_auth", "userlist")
