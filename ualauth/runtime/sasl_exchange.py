"""What an application holds of one SASL exchange.

    exchange = auth.sasl("smtpd.auth", "SCRAM-SHA-256", tls=True)
    challenge = exchange.step(response)       # until exchange.done

`step` takes what the client sent and returns what to send it, or `None` when
there is nothing more to send: then the exchange is done and has an identity. It
raises where a login would, and a client that does not keep to the mechanism is
refused in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any

from ualauth.contract.identity import Identity
from ualauth.contract.requests import Request, Send
from ualauth.errors import AuthenticationError
from ualauth.runtime.handle import Handle
from ualauth.runtime.sasl_login import SaslLogin

RunningStep = tuple[Handle, Coroutine[Request, Any, Identity], bytes | None]
"""What a runtime has to do for one step: whose it is, and what to send into which coroutine."""


class BaseSaslExchange:
    """What blocking and asyncio exchanges share."""

    # What each step reads is set for each exchange; of the rest, defaults stand on the class.
    _identity: Identity | None = None
    _suspended: float = 0.0
    _over: bool = False

    def __init__(self, mechanism: str) -> None:
        """Begin with nothing sent."""
        self.mechanism = mechanism.upper()
        """The mechanism's name in SASL."""
        self._sasl_login: SaslLogin | None = None
        self._coroutine: Coroutine[Request, Any, Identity] | None = None
        self._failure: AuthenticationError | None = None
        self._busy = False
        self._closed = False

    def __repr__(self) -> str:
        """Show the mechanism, and how far it came."""
        state = "done" if self.done else "failed" if self._failure is not None else "running"
        return f"{type(self).__name__}({self.mechanism!r}, {state})"

    @property
    def done(self) -> bool:
        """Whether the client was let in; false while the exchange runs, and when it failed."""
        return self._identity is not None

    @property
    def identity(self) -> Identity:
        """Who was let in.

        Raises:
            RuntimeError: if no user was, or not yet: look at `done` before.

        """
        if self._identity is None:
            raise RuntimeError("this exchange has let no user in; look at `done` before")
        return self._identity

    @property
    def over(self) -> bool:
        """Whether the client was let in or refused: there is nothing to give up."""
        return self._over

    @property
    def concluded(self) -> bool:
        """Whether it is decided: the last challenge says so, and any answer is a formality.

        A protocol whose last reply has room for it need not wait for that answer, and steps
        with an empty one.
        """
        return self._sasl_login is not None and self._sasl_login.concluded

    def close(self) -> None:
        """Give the exchange up, as when the client cancels it.

        Later steps raise `RuntimeError`, and so does one that is being taken.
        """
        self._closed = True
        if self._coroutine is not None and not self._busy:
            self._coroutine.close()
            self._coroutine = None
            self._record_abandoned()

    def _record_abandoned(self) -> None:
        if self._sasl_login is not None:
            self._sasl_login.record_abandoned()

    def _enter(self, response: bytes | None) -> RunningStep:
        """Return what one step takes; `_leave` has to follow."""
        if self._failure is not None:
            # Without the calls of the client that had it before.
            raise self._failure.with_traceback(None)
        sasl_login = self._sasl_login
        if response is not None and not isinstance(response, bytes):
            raise TypeError("a response is bytes, or None")
        if sasl_login is None or self._busy or self._closed:
            raise RuntimeError("this exchange takes no step now: it is over, or taking one")
        handle = sasl_login.handle
        answer = None
        if self._coroutine is None:
            sasl_login.wire.initial = response
            sasl_login.wire.started = time.monotonic()
            self._coroutine = sasl_login.run()
        elif response is None:
            raise TypeError("only the first step may be without a response")
        else:
            answer = response
            if handle.deadline is not None:
                # The client's time is not the modules'.
                handle.deadline += time.monotonic() - self._suspended
        self._busy = True
        return handle, self._coroutine, answer

    def _leave(self, result: Identity | Send | BaseException) -> bytes | None:
        """Return what to send to the client after a step; keep what it came to."""
        self._busy = False
        if self._closed and not isinstance(result, BaseException):
            self.close()
            raise RuntimeError("this exchange was given up meanwhile")
        if isinstance(result, Send):
            self._suspended = time.monotonic()
            return result.challenge
        if not isinstance(result, Identity | Exception):
            # Cancelled: the client is gone, for one.
            self._record_abandoned()
        # Nothing of what the client sent is kept.
        self._coroutine = self._sasl_login = None
        self._over = True
        if isinstance(result, Identity):
            self._identity = result
        elif isinstance(result, AuthenticationError):
            self._failure = result
        else:
            # Ctrl-C, or a bug: nothing that could go on.
            self._closed = True
        return None
