"""What a login came to becomes one record: the only place that logs outcomes (see `outcome`).

The logger is `ualauth.audit`; its records have an `AuditRecord` as their attribute `audit`, which
is their message, too. `INFO` is for what was granted, for a SASL exchange that the client gave
up and for a mechanism that is not offered; `WARNING` for what was refused; `ERROR` where a module
could not check. Where no handler wants a record, none is made.
"""

from __future__ import annotations

import hmac
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ualauth.codes import Operation, ReturnCode
from ualauth.config.audit import SHOWN, AuditSettings
from ualauth.reasons import ReasonCode
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.audit_record import MOST_SHOWN, AuditRecord
from ualauth.runtime.outcome import Outcome
from ualauth.runtime.trace import Reason, Run
from ualauth.stack.model import Stack

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
_INFO = logging.INFO
_is_enabled = log.isEnabledFor
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
    return bool(listeners) or _is_enabled(level_of(outcome, event))


def level_of(outcome: Outcome | None, event: str) -> int:
    """Return the level of logging at which such an outcome is logged."""
    if outcome is _GRANTED or outcome is None or event in _QUIET:
        return _INFO
    return _LEVELS[outcome]


def record(  # noqa: PLR0913 - what a record has
    attempt: RunningAttempt,
    event: str,
    operation: Operation,
    code: ReturnCode,
    outcome: Outcome | None,
    *,
    reason: Reason | None,
    answers: tuple[tuple[str, str], ...],
    transaction: str,
    started: float,
    acts_for: str | None = None,
    hand_over: Listener | None = None,
) -> None:
    """Log what an operation, or a whole login, came to; `answers` are those of the entries asked.

    `reason` says why it was not granted. `started` is as `time.monotonic`. With `hand_over`,
    that gets the record, and no log.
    """
    items = attempt.items
    typed, user = items.login_name, items.user
    if typed is not None and len(typed) > MOST_SHOWN:
        typed = typed[:MOST_SHOWN]
    settings: AuditSettings = attempt.resource(AuditSettings)
    digest = None
    if settings.login_names is not SHOWN and settings.digests and typed is not None:
        known = outcome is _GRANTED or attempt.account is not None or user != items.login_name
        digest, typed = _digest(settings.digest_key, items.login_name or ""), None
        user = user if known else None
    entries = () if reason is None else reason.entries
    decided = entries[-1] if entries else None
    (hand_over or emit)(
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
            answers,
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
            answers=(),
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
    level = level_of(each.outcome, each.event)
    if _is_enabled(level):
        log.handle(_log_record(each, level))


def answers_of(runs: Sequence[Run]) -> tuple[tuple[str, str], ...]:
    """Return every entry that was asked in some walks, and its answer."""
    if len(runs) == 2 and runs[0].is_plain and runs[1].is_plain:
        # What nearly every login is; its stacks are the same each time.
        key = runs[0].stack, runs[1].stack
        known = _plain_answers.get(key)
        if known is not None:
            return known
        if len(_plain_answers) >= _MOST_STACKS:
            _plain_answers.clear()
        known = _plain_answers[key] = tuple(answer for run in runs for answer in run.answers())
        return known
    return tuple(answer for run in runs for answer in run.answers())


_MOST_STACKS = 1000
_plain_answers: dict[tuple[Stack, Stack], tuple[tuple[str, str], ...]] = {}
"""The stacks of auth and account, all of whose entries answered SUCCESS -> these answers."""
_started = time.time()


def _log_record(each: AuditRecord, level: int) -> logging.LogRecord:
    """Return what logging handles, as `Logger.makeRecord` does with `extra`.

    Where it was logged says nothing, and to find out takes longer than all the rest.
    """
    if logging.getLogRecordFactory() is not logging.LogRecord:
        return _usual_record(each, level)
    templates = _threads.by_level
    template = templates.get(level)
    if template is None:
        template = templates[level] = vars(_usual_record(each, level))
        template["msg"] = template["audit"] = None
    record = logging.LogRecord.__new__(logging.LogRecord)
    moment = each.time
    record.__dict__ = attributes = template.copy()
    attributes["msg"] = attributes["audit"] = each
    attributes["created"] = moment
    attributes["msecs"] = int(moment % 1 * 1000) + 0.0
    attributes["relativeCreated"] = (moment - _started) * 1000
    return record


def _usual_record(each: AuditRecord, level: int) -> logging.LogRecord:
    extra = {"audit": each}
    return log.makeRecord(log.name, level, __file__, 0, each, (), None, "emit", extra)


class _Templates(threading.local):
    """What is the same in all log records of a thread, by their level."""

    def __init__(self) -> None:
        """Begin with none, in each thread."""
        self.by_level: dict[int, dict[str, Any]] = {}


_threads = _Templates()


def _forget_templates() -> None:
    """Begin anew in a child: it is another process."""
    global _threads  # noqa: PLW0603 - once in a process
    _threads = _Templates()


os.register_at_fork(after_in_child=_forget_templates)


def _digest(key: str, name: str) -> str:
    named = name.encode(errors="surrogatepass")
    return hmac.digest(key.encode(), named, "sha256").hex()[:_DIGITS]
