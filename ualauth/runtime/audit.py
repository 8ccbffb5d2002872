"""A verdict becomes one log record: the only place that logs outcomes (see `outcome`).

The logger is `ualauth.audit`: `INFO` for what was granted, `WARNING` for what
was refused, `ERROR` where no module could check. A record names the user as
typed and as resolved, the peer, the entry that decided and why; never a
secret.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ualauth.codes import Operation, ReturnCode
from ualauth.runtime.outcome import Outcome
from ualauth.stack.engine import Impression

if TYPE_CHECKING:
    from ualauth.runtime.attempt import RunningAttempt
    from ualauth.runtime.trace import Run
    from ualauth.stack.model import Entry

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
    level = logging.ERROR if run is not None and run.unchecked() else logging.WARNING
    if log.isEnabledFor(level):
        why = _why(run) if run is not None else remark and f": {remark}"
        who = _who(attempt)
        log.log(level, "%s: %s answers %s to %s%s", attempt.service, operation, code, who, why)


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


def _why(run: Run) -> str:
    """Return the entry that set the status, and all remarks."""
    entries = ", ".join(f"{each.module} ({each.source})" for each in _deciding(run))
    where = f" by {entries}" if entries else ""
    remarks = "; ".join(step.remark for step in run.steps() if step.remark)
    return f"{where}: {remarks}" if remarks else where


def _deciding(run: Run) -> Iterator[Entry]:
    """Find the entry that set the status, then the one that did so in a stack that it ran."""
    steps = run.walk()
    said = [index for index, step in enumerate(steps) if step.after.status is run.verdict]
    if not said:
        # The last check refused: the first entry that spoilt the walk is to blame, if one did.
        negative = Impression.NEGATIVE
        said = [index for index, step in enumerate(steps) if step.after.impression is negative]
    for index in said[:1]:
        yield steps[index].entry
        for at, nested in run.nested or ():
            if at == index and nested.verdict is steps[index].code:
                yield from _deciding(nested)
