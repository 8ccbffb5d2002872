"""What a login came to becomes one record: the only place that logs outcomes (see `outcome`).

The logger is `ualauth.audit`; its records have an `AuditRecord` as their attribute `audit`, which
is their message, too. `INFO` is for what was granted, for a SASL exchange that the client gave
up and for a mechanism that is not offered; `WARNING` for what was refused; `ERROR` where a module
could not check. Where no handler wants a record, none is made.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Iterable

from ualauth.codes import Operation, ReturnCode
from ualauth.config.audit import AuditSettings
from ualauth.reasons import ReasonCode
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.audit_record import MOST_SHOWN, AuditRecord
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.trace import Reason, Run

log = logging.getLogger("ualauth.audit")

LOGIN = "login"
PASSWORD_CHANGE = "password_change"  # noqa: S105 - a word of the log
OPERATION = "operation"
ABANDONED = "abandoned"
MECHANISM = "mechanism"

Listener = Callable[[AuditRecord], None]
listeners: tuple[Listener, ...] = ()
"""Who gets each record, whatever is logged: metrics, say. Kept by `listen` and `ignore`."""

_GRANTED = Outcome.GRANTED
_LEVELS = {
    _GRANTED: logging.INFO,
    Outcome.REFUSED: logging.WARNING,
    Outcome.RESTRICTED: logging.WARNING,
    Outcome.EXPIRED: logging.WARNING,
    Outcome.UNSUITABLE: logging.WARNING,
    Outcome.UNAVAILABLE: logging.ERROR,
}
_QUIET = (ABANDONED, MECHANISM)
_DIGITS = 16
"""Hexadecimal digits of a digest."""


def listen(listener: Listener) -> None:
    """Have each record handed over, in the thread of its login; what is raised is logged."""
    global listeners  # noqa: PLW0603 - read at each login, and so no call
    listeners = (*listeners, listener)


def ignore(listener: Listener) -> None:
    """Hand no more records over."""
    global listeners  # noqa: PLW0603 - as above
    listeners = tuple(each for each in listeners if each is not listener)


def is_wanted(outcome: Outcome, event: str = LOGIN) -> bool:
    """Return whether a record is made of such an outcome."""
    return bool(listeners) or log.isEnabledFor(_level(outcome, event))


def _level(outcome: Outcome | None, event: str) -> int:
    return logging.INFO if outcome is None or event in _QUIET else _LEVELS[outcome]


def record(  # noqa: PLR0913 - what a record has
    attempt: RunningAttempt,
    event: str,
    operation: Operation,
    code: ReturnCode,
    outcome: Outcome | None,
    *,
    reason: Reason | None,
    runs: Iterable[Run],
    transaction: str,
    started: float,
    acts_for: str | None = None,
) -> None:
    """Log what an operation, or a whole login, came to; `runs` are its walks.

    `reason` says why it was not granted. `started` is as `time.monotonic`.
    """
    items = attempt.items
    typed, user = items.login_name, items.user
    if typed is not None and len(typed) > MOST_SHOWN:
        typed = typed[:MOST_SHOWN]
    settings = attempt.resource(AuditSettings)
    digest = None
    if settings.digests and typed is not None:
        known = outcome is _GRANTED or attempt.account is not None or user != items.login_name
        digest, typed = _digest(settings.digest_key, items.login_name or ""), None
        user = user if known else None
    entries = () if reason is None else reason.entries
    decided = entries[-1] if entries else None
    answers = [answer for run in runs for answer in run.answers()]
    emit(
        AuditRecord(
            time.time(),
            transaction,
            event,
            items.service,
            operation,
            outcome,
            code,
            None if reason is None else reason.code,
            None if decided is None else decided.module,
            None if decided is None else str(decided.source),
            "" if reason is None else reason.remark,
            tuple(str(each.source) for each in entries[:-1]),
            tuple(answers),
            () if reason is None else reason.others,
            typed,
            digest,
            user,
            acts_for,
            items.mechanism,
            items.tls,
            items.rhost,
            items.caller_uid,
            time.monotonic() - started,
        )
    )


def record_abandoned(
    attempt: RunningAttempt, mechanism: str, *, transaction: str, started: float
) -> None:
    """Log an exchange that the client did not bring to an end: nothing was decided."""
    if listeners or log.isEnabledFor(logging.INFO):
        attempt.items.mechanism = mechanism
        record(
            attempt,
            ABANDONED,
            Operation.AUTHENTICATE,
            ReturnCode.INCOMPLETE,
            None,
            reason=Reason(ReasonCode.ABANDONED, remark="the client gave the exchange up"),
            runs=(),
            transaction=transaction,
            started=started,
        )


def emit(each: AuditRecord) -> None:
    """Hand a record over to the listeners, and to logging."""
    for listener in listeners:
        try:
            listener(each)
        except Exception as error:  # noqa: BLE001 - a login does not depend on it
            log.error("a listener raised %s", type(error).__name__)  # noqa: TRY400 - no secret
    level = _level(each.outcome, each.event)
    if log.isEnabledFor(level):
        extra = {"audit": each}
        # Where it was logged says nothing, and to find out takes longer than all the rest.
        log.handle(log.makeRecord(log.name, level, __file__, 0, each, (), None, "emit", extra))


def _digest(key: str, name: str) -> str:
    named = name.encode(errors="surrogatepass")
    return hmac.digest(key.encode(), named, "sha256").hex()[:_DIGITS]
