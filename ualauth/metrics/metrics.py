"""The observer that counts: logins, modules, hashes, what is remembered, servers and lockouts."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from prometheus_client import REGISTRY, CollectorRegistry

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.identity import Identity
from ualauth.contract.module import Method
from ualauth.errors import AuthenticationError
from ualauth.metrics.counts import Amount
from ualauth.metrics.events import Events
from ualauth.metrics.families import (
    ABANDONED,
    LOGIN_SECONDS,
    LOGINS,
    MODULE_RESULTS,
    MODULE_SECONDS,
    OTHER,
    PASSWORD,
)
from ualauth.metrics.stopwatch import Stopwatch, clock
from ualauth.runtime.dispatch import code_of_exception
from ualauth.runtime.handle import Handle
from ualauth.runtime.observer import LogIn, Observer, Perform, attended
from ualauth.runtime.outcome import Outcome, outcome_of, outcome_of_exception
from ualauth.sasl import registry as mechanisms
from ualauth.stack.registry import installed_names, plain_name

T = TypeVar("T")

_SUCCESS = ReturnCode.SUCCESS
_LOGIN_OPERATIONS = (Operation.AUTHENTICATE, Operation.ACCT_MGMT)

_COUNTING: Mapping[str, str] = {
    "ualauth.ldap.client.shared.Directories": "directories",
    "ualauth.runtime.compute_queue.ComputeQueue": "compute_queue",
    "ualauth.stack.services.Services": "services",
    "ualauth.userlist.cache.UserCache": "cache",
    "ualauth.userlist.guesses.GuessLimiter": "guesses",
}
"""Class -> the module here that makes a subclass of it: what no service needs is not imported."""


class Metrics(Observer):
    """Counts what the ways in do that have it among their `observers`; shared by threads.

    One serves all the ways in of a process. No label says a user's name, an address or a
    domain of mail (`ualauth.metrics.families`).
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Let a registry of prometheus_client collect what is counted.

        With `PROMETHEUS_MULTIPROC_DIR` in the environment when prometheus_client is imported,
        the counts are kept in files in that folder instead, and `exposed` reads those of all
        processes.

        Raises:
            ValueError: if the registry has these metrics already.

        """
        self._events = Events(registry)
        self._services: set[str] = set()
        self._logins: dict[tuple[str, str | None, str], Amount] = {}
        self._time_login = self._events.time(LOGIN_SECONDS)

    @property
    def exposed(self) -> CollectorRegistry:
        """The registry to show to Prometheus, such as by `prometheus_client.make_wsgi_app`."""
        return self._events.exposed

    def kind(self, kind: type[T]) -> type[T]:
        """See `Observer.kind`."""
        name = _COUNTING.get(f"{kind.__module__}.{kind.__qualname__}")
        if name is None:
            return kind
        module = importlib.import_module(f"ualauth.metrics.counting.{name}")
        make = cast("Callable[[type[T], Metrics], type[T]]", module.counting)
        return make(kind, self)

    @property
    def events(self) -> Events:
        """What is to be counted; not for applications."""
        return self._events

    def note_service(self, name: str, *, has_file: bool) -> None:
        """Note whether a service has a file of its own, or is another name for `other`."""
        if has_file:
            self._services.add(name)
        else:
            self._services.discard(name)
            self._logins.clear()

    # Logins

    def login(self, log_in: LogIn) -> LogIn:
        """See `Observer.login`."""
        events, note_login, logins = self._events, self._note_login, self._logins
        count, time, waiting = events.count, self._time_login, events.counted
        granted = str(Outcome.GRANTED)

        async def counted(handle: Handle, credential: Any) -> Identity:  # noqa: ANN401 - as `log_in`
            watch = Stopwatch() if handle.stepping else None
            began = clock()
            run = log_in(handle, credential)
            try:
                # Only the client of an exchange is waited for: others have brought all there is.
                identity: Identity = await (run if watch is None else attended(run, watch))
            except AuthenticationError as error:
                note_login(handle, str(outcome_of_exception(error)), _passed(began, watch))
                raise
            except Exception:
                # A bug, or files of the service that can no longer be read: servers say so.
                note_login(handle, str(Outcome.UNAVAILABLE), _passed(began, watch))
                raise
            except BaseException:
                if handle.refusal is None:
                    self._note_abandoned(handle)
                else:
                    outcome = outcome_of_exception(handle.refusal)
                    note_login(handle, str(outcome), _passed(began, watch))
                raise
            # As `_note_login` does, and written out: nearly every login ends here.
            items = handle.items
            known = logins.get((items.service, items.mechanism, granted))
            if known is None or watch is not None:
                note_login(handle, granted, _passed(began, watch))
                return identity
            count(known)
            time(clock() - began)
            if len(waiting) > events.long:
                events.empty()
            return identity

        return counted

    def operation(self, perform: Perform) -> Perform:
        """See `Observer.operation`.

        A login by a transaction is one that `authenticate` does not grant, or that the
        account stack has decided.
        """

        async def counted(handle: Handle, operation: Operation, flags: int) -> ReturnCode:
            run = perform(handle, operation, flags)
            if operation not in _LOGIN_OPERATIONS:
                return await run
            watch = Stopwatch()
            try:
                code: ReturnCode = await attended(run, watch)
            except Exception:
                self._note_login(handle, str(Outcome.UNAVAILABLE), watch.seconds)
                raise
            except BaseException:
                self._note_abandoned(handle)
                raise
            if code is ReturnCode.INCOMPLETE:
                return code
            if code is not _SUCCESS or operation is Operation.ACCT_MGMT:
                could_not_check = handle.could_not_check(code)
                outcome = outcome_of(operation, code, could_not_check=could_not_check)
                self._note_login(handle, str(outcome), watch.seconds)
            return code

        return counted

    def not_offered(self, service: str, mechanism: str) -> None:
        """See `Observer.not_offered`: such a login is refused."""
        labels = self._labels(service, mechanism.upper())
        self._events.add(self._events.amount(LOGINS, *labels, str(Outcome.REFUSED)), 1.0)

    def _note_login(self, handle: Handle, outcome: str, seconds: float) -> None:
        events, items = self._events, handle.items
        way = items.service, items.mechanism, outcome
        logins = self._logins.get(way)
        if logins is None:
            labels = self._labels(items.service, items.mechanism)
            logins = events.amount(LOGINS, *labels, outcome)
            if OTHER not in labels:
                # Of others there is no end.
                self._logins[way] = logins
        events.count(logins)
        self._time_login(seconds)
        events.ended()

    def _note_abandoned(self, handle: Handle) -> None:
        labels = self._labels(handle.items.service, handle.items.mechanism)
        self._events.count(self._events.amount(ABANDONED, *labels))
        self._events.ended()

    def _labels(self, service: str, mechanism: str | None) -> tuple[str, str]:
        """Return the labels of a service and a mechanism, of which clients make up no new ones."""
        if service not in self._services:
            service = OTHER
        if mechanism is None:
            mechanism = PASSWORD
        elif mechanism not in mechanisms.BUILT_IN and mechanism not in mechanisms.added():
            mechanism = OTHER
        return service, mechanism

    # Modules

    def method(self, module: str, operation: Operation, method: Method) -> Method:  # noqa: ARG002 - all the same
        """See `Observer.method`."""
        name = plain_name(module)
        if name not in installed_names() or module.endswith(".py"):
            name = OTHER
        events = self._events
        count, time = events.count, events.time(MODULE_SECONDS, name)
        results = tuple(events.amount(MODULE_RESULTS, name, str(code)) for code in ReturnCode)

        def note(code: object, seconds: float) -> None:
            """Leave it to be counted that the module has answered."""
            # What is no code makes no sense (`runtime.dispatch`).
            count(results[code if type(code) is ReturnCode else ReturnCode.SYSTEM_ERR])
            time(seconds)

        async def awaited(answer: Any, watch: Stopwatch) -> ReturnCode:  # noqa: ANN401 - a module's
            try:
                code: ReturnCode = await attended(answer, watch)
            except (Exception, SystemExit) as error:
                note(code_of_exception(error)[0], watch.seconds)
                raise
            note(code, watch.seconds)
            return code

        def counted(attempt: Any) -> Any:  # noqa: ANN401 - as a module's
            began = clock()
            try:
                answer = method(attempt)
            except (Exception, SystemExit) as error:
                note(code_of_exception(error)[0], clock() - began)
                raise
            if type(answer) is ReturnCode:
                count(results[answer])
                time(clock() - began)
                return answer
            if not hasattr(answer, "__await__"):
                note(answer, clock() - began)
                return answer
            return awaited(answer, Stopwatch(began))

        return counted


def _passed(began: float, watch: Stopwatch | None) -> float:
    """Return the seconds since a login began, without those of its client if a watch stood."""
    return clock() - began if watch is None else watch.seconds
