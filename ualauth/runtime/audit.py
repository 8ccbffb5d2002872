"""A verdict becomes one log record: the only place that logs outcomes (see `outcome`).

The logger is `ualauth.audit`: `INFO` for what was granted, and for a SASL exchange that
the client gave up; `WARNING` for what was refused, `ERROR` where no module could check. A
record names the user as
typed and as resolved, the peer, the entry that decided and its own remark, and
then those of the others; never a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ualauth.codes import Operation, ReturnCode
from ualauth.runtime.outcome import Outcome

if TYPE_CHECKING:
    from ualauth.runtime.attempt import RunningAttempt
    from ualauth.runtime.trace import Run

log = logging.getLogger("ualauth.audit")
_GRANTED = f"%s: {Outcome.GRANTED} %s of %s"
_SHOWN = 80
"""Characters of what a peer sent."""


def record(
    attempt: RunningAttempt,
    operation: Operation,
    code: ReturnCode,
    runs: Sequence[Run],
    remark: str = "",
) -> None:
    """Log the outcome of one operation; `runs` are its walks, the deciding one last.

    Where there are none, `remark` says why.
    """
    if code is ReturnCode.SUCCESS:
        log.info(_GRANTED, attempt.service, operation, _who(attempt))
        return
    run = runs[-1] if runs else None
    unchecked = run is not None and run.reason.unchecked
    level = logging.ERROR if unchecked else logging.WARNING
    if log.isEnabledFor(level):
        why = remark and f": {remark}" if run is None else str(run.reason)
        who = _who(attempt)
        log.log(level, "%s: %s answers %s to %s%s", attempt.service, operation, code, who, why)


def record_abandoned(attempt: RunningAttempt, mechanism: str) -> None:
    """Log an exchange that the client did not bring to an end: nothing was decided."""
    log.info("%s: abandoned authenticate of %s by %s", attempt.service, _who(attempt), mechanism)


def _who(attempt: RunningAttempt) -> str:
    typed = attempt.login_name
    parts = [_quoted(typed) if typed is not None else "a client"]
    if attempt.user not in (None, typed):
        parts.append(f"as {_quoted(attempt.user or '')}")
    if attempt.rhost:
        parts.append(f"from {_quoted(attempt.rhost)}")
    if attempt.caller_uid is not None:
        parts.append(f"by uid {attempt.caller_uid}")
    return " ".join(parts)


def _quoted(text: str) -> str:
    """Return the text without anything that could forge or break a log line."""
    return ascii(text[:_SHOWN])
