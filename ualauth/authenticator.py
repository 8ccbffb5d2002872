"""The blocking way in: no event loop, no thread.

    auth = Authenticator("/etc/ualauth")
    identity = auth.authenticate("pop3", "jsmith", password, rhost="192.0.2.7", tls=True)

An `Authenticator` may be shared by threads; a `Transaction` belongs to one.

Internal: its names are imported from `ualauth`.
"""

from __future__ import annotations

import inspect
import logging
import os
import time
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Self, Unpack

from ualauth.codes import Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.contract.credentials import Password, PasswordChange
from ualauth.contract.identity import Identity, Person
from ualauth.contract.messages import Conversation
from ualauth.contract.requests import (
    Admission,
    Ask,
    Compute,
    DummyCompute,
    Join,
    Offload,
    Readable,
    Request,
    Send,
    Sleep,
    Until,
    Wait,
)
from ualauth.runtime import audit, login
from ualauth.runtime.arguments import check_arguments, check_connection
from ualauth.runtime.base import BaseAuthenticator
from ualauth.runtime.compute_queue import ComputeQueue, processors
from ualauth.runtime.computing import Computing, enter
from ualauth.runtime.handle import Handle
from ualauth.runtime.observer import Observer
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.runtime.remembered_verdicts import Repetition, key_of
from ualauth.runtime.sasl_exchange import BaseSaslExchange
from ualauth.runtime.sasl_login import SaslLogin
from ualauth.runtime.transaction import INTERRUPTED, BaseTransaction
from ualauth.stack.model import Service
from ualauth.system.frames import clear_locals
from ualauth.system.poll import wait_blocking

if TYPE_CHECKING:
    from ualauth.runtime.revocations import Revocations

_INFO = logging.INFO
_is_logged = audit.log.isEnabledFor


class Authenticator:
    """Asks services whether a person may come in, and waits for the answer.

    An argument of a wrong type is a `TypeError` at the call.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        observers: Iterable[Observer] = (),
    ) -> None:
        """Use a configuration folder: a path, a `Config`, or by default `/etc/ualauth`.

        `observers` look at each login: `ualauth.metrics.Metrics`, `ualauth.tracing.Tracing`.

        Service files are compiled when first asked for, or by `load`.

        Raises:
            ConfigurationError: if the folder is missing or its `ualauth.toml`
                has mistakes.

        """
        self.config = config if isinstance(config, Config) else Config.load(config)
        self._base = BaseAuthenticator(self.config, observers)
        # What computes does so in the thread of a login, when it is its turn.
        self._computing = self._base.kind(ComputeQueue)(
            processors(), lambda each: each.turn.release(), self.config.stack.timeout
        )

    def authenticate(
        self,
        service: str,
        user: str,
        password: str,
        **peer: Unpack[Peer],
    ) -> Identity:
        """Let a person in by name and password: the service's auth and account stacks.

        Raises:
            AuthenticationFailed: wrong password, unknown user, or refused.
            AccountRestricted: right password, but the account may not be used.
            PasswordExpired: right password, which must be changed first.
            TemporaryFailure: a server that had to be asked could not be.
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        try:
            if not type(service) is type(user) is type(password) is str:
                check_arguments(service=service, user=user, password=password)
            base, repetition = self._base, None
            verdicts = base.verdicts
            if verdicts is not None and (key := key_of(service, user, peer)) is not None:
                verdict = verdicts.find(key, password)
                if verdict is not None and verdict.is_confirmed:
                    if not (base.is_observed or audit.listeners or _is_logged(_INFO)):
                        return verdict.identity
                    handle = base.handle(service, user, peer)
                    repeated: Identity = self._advance(handle, base.repeat(handle, verdict))
                    return repeated
                repetition = Repetition(verdicts, key, verdict)
            handle = base.handle(service, user, peer)
            handle.remembering = repetition
            identity: Identity = self._advance(handle, base.login(handle, Password(password)))
        except BaseException as error:
            del password
            clear_locals(error)
            raise
        return identity

    def change_password(
        self,
        service: str,
        user: str,
        old: str,
        new: str,
        **peer: Unpack[Peer],
    ) -> None:
        """Change a person's password through the service's password stack.

        Raises:
            AuthenticationFailed: the old password is wrong, or refused.
            PasswordRefused: the new one was not taken; `messages` say why.
            AccountRestricted: the account may not change its password.
            TemporaryFailure: a server that had to be asked could not be.
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        try:
            check_arguments(service=service, user=user, old=old, new=new)
            handle = self._base.handle(service, user, peer)
            self._advance(handle, login.change_password(handle, PasswordChange(old, new)))
        except BaseException as error:
            del old, new
            clear_locals(error)
            raise

    def transaction(
        self,
        service: str,
        user: str | None = None,
        conversation: Conversation | None = None,
        **peer: Unpack[Peer],
    ) -> Transaction:
        """Begin a transaction, in which each operation is asked for by itself (pam_start(3)).

        `conversation` answers the modules' questions: a list of messages in, a
        list of answers out, one each, `None` for those that need none.

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        check_arguments(service=service, conversation=conversation)
        if user is not None:
            check_arguments(user=user)
        handle = self._base.handle(service, user, peer)
        handle.items.conversation = conversation
        return Transaction(handle, self)

    def mechanisms(self, service: str, **connection: Unpack[ConnectionInfo]) -> list[str]:
        """Return the names of the SASL mechanisms to offer, the strongest first.

        What a service offers is what its modules can judge, and what the
        connection allows: no plaintext without `tls`, no `-PLUS` without
        `channel_binding`.

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        check_arguments(service=service)
        check_connection(connection)
        return self._base.mechanisms(service, connection)

    def sasl(
        self, service: str, mechanism: str, **connection: Unpack[ConnectionInfo]
    ) -> SaslExchange:
        """Begin a SASL exchange by a mechanism that the service offers (RFC 4422).

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.
            MechanismUnavailable: if the service does not offer it on this connection.

        """
        if not type(service) is type(mechanism) is str:
            check_arguments(service=service, mechanism=mechanism)
        check_connection(connection)
        return SaslExchange(mechanism, self._base.exchange(service, mechanism, connection), self)

    def groups(self, identity: Identity) -> tuple[str, ...]:
        """Return the names of the groups in the USERLIST that a user is a member of; blocks.

        Also those by which the user is a member of others, in the order of their names, as they
        are now. There are none for a user whom the USERLIST does not have, and without one.

        Raises:
            StoreError: if the USERLIST cannot be read.

        """
        check_arguments(identity=identity)
        return self._base.groups(identity)

    def person(self, user: str) -> Person | None:
        """Return the user of the USERLIST with this authid or e-mail address; blocks.

        It is the exact name: the case of ASCII letters in an address does not count, and
        nothing else is folded. `None` if no user has it, and without a USERLIST. It says
        nothing of a login: locked users have their names, too.

        Raises:
            StoreError: if the USERLIST cannot be read.

        """
        check_arguments(user=user)
        return self._base.person(user)

    def revocations(self) -> Revocations:
        """Return what ends sessions whose user is locked, deleted or has another password.

            with auth.revocations().add(identity, end=connection.close_soon):
                ...  # the session

        It is the same object each time. `end` is called within seconds of the change, in another
        thread. Users for whom another module than `om_auth` vouched are not looked after.
        """
        return self._base.revocations()

    def load(self, service: str) -> Service:
        """Return the compiled service, compiling it if need be.

        Raises:
            ConfigurationError: the service is unknown or its files cannot be used.

        """
        check_arguments(service=service)
        return self._base.services.load(service)

    def close(self) -> None:
        """Close what was opened; the authenticator may be used again."""
        self._base.close()

    def __enter__(self) -> Self:
        """Return the authenticator."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _advance(
        self,
        handle: Handle,
        coroutine: Coroutine[Request, Any, object],
        answer: object = None,
    ) -> Any:  # noqa: ANN401 - what the coroutine returns
        """Run a coroutine to its end, carrying out its requests on the spot.

        One that goes by steps runs to the next challenge that the client has to answer, a `Send`.
        """
        try:
            request = coroutine.send(answer)
            while True:
                if type(request) is Send and handle.stepping:
                    return request
                failure = None
                try:
                    result = self._carry_out(handle, request)
                except BaseException as error:  # noqa: BLE001 - the module's to handle
                    # Thrown below: from in here it would become the context of a refusal
                    # that is raised later, and its text may hold what the person typed.
                    failure = error
                request = coroutine.send(result) if failure is None else coroutine.throw(failure)
        except StopIteration as stop:
            return stop.value

    def _carry_out(  # noqa: C901 - a case for each kind of request
        self, handle: Handle, request: object
    ) -> Any:  # noqa: ANN401
        started = time.monotonic()
        if handle.deadline is None:
            handle.deadline = started + self.config.stack.timeout
            handle.begun = handle.begun and handle.at_once
        match request:
            case Compute() | Join() | Admission() | DummyCompute():
                return self._compute(handle, request, handle.deadline)
            case Readable(fileno, seconds):
                return wait_blocking(fileno, seconds, handle.deadline - started)
            case Offload(function, args):
                if started > handle.deadline:
                    raise TimeoutError
                result = function(*args)
                if time.monotonic() > handle.deadline:
                    raise TimeoutError
                return result
            case Ask(messages):
                conversation: Any = handle.items.conversation
                answers = conversation(messages)
                # The person's time is not the modules'.
                handle.deadline += time.monotonic() - started
                return answers
            case Sleep(seconds):
                time.sleep(seconds if self.config.stack.fail_delay else 0)
                return None
            case Until(moment):
                time.sleep(max(0, moment - started))
                return None
            case Wait(awaitable):
                raise _needs_loop(awaitable)
            case _:
                raise RuntimeError("a module awaited something that is not an attempt's")

    def _compute(self, handle: Handle, request: Computing, deadline: float) -> Any:  # noqa: ANN401
        """Return what is computed for a login; `TimeoutError` if that takes too long."""
        if time.monotonic() > deadline:
            raise TimeoutError
        each = enter(self._computing, handle, request)
        if each is None:
            return None
        try:
            while not each.future.done():
                if not each.turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                self._computing.run(each)
            result = each.future.result()
        finally:
            self._computing.leave(each)
        if isinstance(request, DummyCompute):
            time.sleep(self._computing.usual_seconds())
        else:
            handle.begun = True
        if time.monotonic() > deadline:
            raise TimeoutError
        return result


def _needs_loop(awaitable: object) -> RuntimeError:
    if inspect.iscoroutine(awaitable):
        awaitable.close()
    return RuntimeError("this module needs AsyncAuthenticator")


class Transaction(BaseTransaction[ReturnCode]):
    """One login of one user to one service; use it in a `with` statement.

    Operations return codes, as PAM's do, and only `ReturnCode.SUCCESS` is a
    yes. An operation called from inside a conversation answers `SYSTEM_ERR`.
    """

    def __init__(self, handle: Handle, authenticator: Authenticator) -> None:
        """Hold a transaction; made by `Authenticator.transaction`."""
        super().__init__(handle)
        self._authenticator = authenticator

    def _perform(self, operation: Operation, flags: int) -> ReturnCode:
        handle = self._handle
        self._last = INTERRUPTED
        try:
            self._last = self._authenticator._advance(  # noqa: SLF001 - made for each other
                handle,
                self._authenticator._base.perform(handle, operation, flags),  # noqa: SLF001 - likewise
            )
        except BaseException as error:
            clear_locals(error)
            raise
        return self._last

    def __enter__(self) -> Self:
        """Return the transaction."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()


class SaslExchange(BaseSaslExchange):
    """One SASL exchange with one client; see `ualauth.runtime.sasl_exchange`."""

    def __init__(self, mechanism: str, sasl_login: SaslLogin, authenticator: Authenticator) -> None:
        """Hold an exchange; made by `Authenticator.sasl`."""
        super().__init__(mechanism)
        self._sasl_login = sasl_login
        self._authenticator = authenticator

    def step(self, response: bytes | None = None) -> bytes | None:
        """Take what the client sent; return what to send to it, `None` once it is let in.

        The first step's response is the initial one; `None` is none, which is
        not the same as an empty one.

        Raises:
            AuthenticationError: one of its subclasses, if the client is not let in.
            RuntimeError: for a step after the last.

        """
        try:
            handle, coroutine, answer = self._enter(response)
            try:
                result = self._authenticator._advance(handle, coroutine, answer)  # noqa: SLF001 - made for each other
            except BaseException as error:
                self._leave(error)
                raise
            return self._leave(result)
        except BaseException as error:
            response = answer = None
            clear_locals(error)
            raise
