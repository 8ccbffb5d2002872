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
from ualauth.config.audit import SHOWN
from ualauth.reasons import ReasonCode
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.audit_file import AuditFile
from ualauth.runtime.audit_record import MOST_SHOWN, Answers, AuditRecord
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
"""Who wants each record, whatever is logged: metrics, say. Kept by `listen` and `ignore`."""

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
    return listeners != () or _is_enabled(level_of(outcome, event))


def level_of(outcome: Outcome | None, event: str) -> int:
    """Return the level of logging at which such an outcome is logged."""
    if outcome is _GRANTED or outcome is None or event in _QUIET:
        return _INFO
    return _LEVELS[outcome]


def record(  # noqa: PLR0913, PLR0917 - what a record has; by keyword, it takes longer
    attempt: RunningAttempt,
    event: str,
    operation: Operation,
    code: ReturnCode,
    outcome: Outcome | None,
    reason: Reason | None,
    answers: Answers,
    transaction: str,
    started: float,
    acts_for: str | None = None,
    hand_over: Listener | None = None,
) -> None:
    """Log what an operation, or a whole login, came to by some answers (`answers_of`).

    `reason` says why it was not granted. `started` is as `time.monotonic`. With `hand_over`,
    that gets the record, and no log.
    """
    items = attempt.items
    login_name, user = items.login_name, items.user
    typed, digest = login_name, None
    if typed is not None and len(typed) > MOST_SHOWN:
        typed = typed[:MOST_SHOWN]
    account = attempt.account
    file = attempt.resource(AuditFile)
    settings = file.settings
    if settings.login_names is not SHOWN and settings.digests and typed is not None:
        known = outcome is _GRANTED or account is not None or user != login_name
        digest, typed = _digest(settings.digest_key, login_name or ""), None
        user = user if known else None
    code_of_reason = module = place = None
    remark = ""
    through: tuple[str, ...] = ()
    remarks: Answers = ()
    if reason is not None:
        code_of_reason, remark, remarks = reason.code, reason.remark, reason.others
        if reason.entries:
            *outer, decided = reason.entries
            module, place = decided.module, str(decided.source)
            through = tuple(str(each.source) for each in outer)
    each = AuditRecord(
        time.time(),
        transaction,
        event,
        items.service,
        operation,
        outcome,
        code,
        code_of_reason,
        module,
        place,
        remark,
        through,
        answers,
        remarks,
        typed,
        digest,
        user,
        acts_for,
        items.mechanism,
        items.tls,
        items.rhost,
        items.caller_uid,
        time.monotonic() - started,
        None if account is None else account.person.company or None,
    )
    if hand_over is not None:
        hand_over(each)
    else:
        emit(each, file.write)


def record_abandoned(
    attempt: RunningAttempt, mechanism: str, *, transaction: str, started: float, writes: bool
) -> None:
    """Log an exchange that the client did not bring to an end: nothing was decided."""
    if writes or listeners or log.isEnabledFor(logging.INFO):
        attempt.items.mechanism = mechanism
        record(
            attempt,
            ABANDONED,
            Operation.AUTHENTICATE,
            ReturnCode.INCOMPLETE,
            None,
            Reason(ReasonCode.ABANDONED, remark="the client gave the exchange up"),
            (),
            transaction,
            started,
        )


def emit(each: AuditRecord, write: Callable[[AuditRecord, int], None] | None) -> None:
    """Hand a record over to the file of its configuration, the listeners, and logging."""
    level = _INFO if each.outcome is _GRANTED else level_of(each.outcome, each.event)
    if write is not None:
        write(each, level)
    for listener in listeners:
        try:
            listener(each)
        except Exception as error:  # noqa: BLE001 - a login does not depend on it
            log.error("a listener raised %s", type(error).__name__)  # noqa: TRY400 - no secret
    if _is_enabled(level):
        log.handle(_log_record(each, level))


def answers_of(runs: Sequence[Run]) -> Answers:
    """Return every entry that was asked in some walks, and its answer."""
    if len(runs) == 2:
        # What nearly every login is: each entry of both stacks was asked, and answered SUCCESS.
        auth, account = runs
        known = _plain_answers.get(id(account.stack))
        if (
            known is not None
            and known.auth is auth.stack
            and known.account is account.stack
            and auth.codes == known.auth_codes
            and account.codes == known.account_codes
            and auth.nested is None
            and account.nested is None
        ):
            return known.answers
    answers = tuple(answer for run in runs for answer in run.answers())
    if len(runs) == 2 and runs[0].is_plain and runs[1].is_plain:
        if len(_plain_answers) >= _MOST_STACKS:
            _plain_answers.clear()
        _plain_answers[id(runs[1].stack)] = _PlainAnswers(runs[0], runs[1], answers)
    return answers


class _PlainAnswers:
    """What a login is answered by two stacks all of whose entries answer `SUCCESS`."""

    __slots__ = ("account", "account_codes", "answers", "auth", "auth_codes")

    def __init__(self, auth: Run, account: Run, answers: Answers) -> None:
        """Note them; the stacks are held, so that no other one has their `id`."""
        self.auth, self.account = auth.stack, account.stack
        self.auth_codes, self.account_codes = list(auth.codes), list(account.codes)
        self.answers = answers


_MOST_STACKS = 1000
_plain_answers: dict[int, _PlainAnswers] = {}
"""`id` of the stack of account -> what logins by it mostly come to."""
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
