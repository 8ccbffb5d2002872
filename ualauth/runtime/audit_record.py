"""One login in the audit log: its fields, as text of one line and as JSON of one line.

What the client sent (the name as typed) and what the application says of the peer is cut and
escaped in both; a secret is in neither. The schema of the JSON is `audit-record.schema.json`
among the shipped files.
"""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring_ascii as _quote
from typing import Any

from ualauth.codes import Operation, ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.runtime.outcome import Outcome
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern

# To look a member up in its enumeration takes as long as all the rest.
_GRANTED = Outcome.GRANTED
MOST_SHOWN = 80
"""Characters of what a peer sent."""
MOST_REMARKED = 300
"""Characters of what modules said that a line of text shows; JSON has all."""
Answers = tuple[tuple[str, str], ...]
"""Where each entry stands that was asked, as FILE:LINE, and its answer."""
_WORD = lazy_pattern(r"[0-9A-Za-z.:%_/@+~-]+")
"""What may stand in the text as it is: an address, a host name, a path."""
_LONGEST_WORD = 255


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class AuditRecord:
    """What a login came to, and why; `LogRecord.audit` of the logger `ualauth.audit`.

    The names of the fields are those of the JSON. What is not known is `None`. Several
    handlers may have it: it MUST NOT be changed.
    """

    time: float
    """When it was decided: seconds since 1970; in JSON, RFC 3339 in UTC with microseconds."""
    transaction: str
    """16 hexadecimal digits, the same in all records of one transaction."""
    event: str
    """`login`; `password_change`; `operation` (one of a transaction); `abandoned`; `mechanism`."""
    service: str
    operation: Operation
    """The last that was asked."""
    outcome: Outcome | None
    """What it came to; `None` for a SASL exchange that the client gave up."""
    code: ReturnCode
    """What the stack of the operation concluded."""
    reason: ReasonCode | None
    """Why; `None` if it was granted."""
    module: str | None
    entry: str | None
    """The entry that decided, and where it stands, as FILE:LINE; `None` where none was asked."""
    remark: str
    """What that entry said about its answer."""
    through: tuple[str, ...]
    """The entries that ran the stack which that entry stands in, outermost first."""
    answers: Answers
    """Every entry that was asked, as FILE:LINE, and its answer."""
    remarks: tuple[tuple[str, str], ...]
    """What the other entries said, each with MODULE:LINE."""
    login_name: str | None
    """The name as it was typed, at most 80 characters."""
    login_name_digest: str | None
    """In its place, if `[audit] login_names` says so: 16 hexadecimal digits."""
    user: str | None
    """Whom the name was resolved to."""
    acts_for: str | None
    """Whom the user wants to act for."""
    mechanism: str | None
    """The SASL mechanism; `None` for a typed password."""
    tls: bool
    rhost: str | None
    caller_uid: int | None
    duration: float
    """Seconds from the first question to the service until it was decided."""
    company: str | None = None
    """The hosted company of the user, by its mail node; `None`, and not in JSON, for the others."""

    def __str__(self) -> str:
        """Return the text: one line of ASCII, whose last field is `rhost=`."""
        return as_text(self)


def as_text(record: AuditRecord) -> str:
    """Return a record as `SERVICE: OUTCOME REASON: field=value ... rhost=HOST`.

    Whatever a client or server sent stands in quotes, with everything but printable ASCII
    escaped. Nothing follows the host; one that is no address or host name is in quotes, too.
    """
    words = [f"{_word(record.service)}: {record.outcome or 'abandoned'}"]
    if record.reason is not None and record.outcome is not None:
        words.append(str(record.reason))
    words[-1] += ":"
    shown: dict[str, object] = {
        "operation": record.operation,
        "code": record.code,
        "login_name": _quoted(record.login_name),
        "login_name_digest": record.login_name_digest,
        "user": _quoted(record.user),
        "company": _quoted(record.company),
        "acts_for": _quoted(record.acts_for),
        "mechanism": record.mechanism,
        "tls": "yes" if record.tls else "no",
        "module": record.module and _word(record.module),
        "entry": record.entry and _word(record.entry),
        "through": ",".join(map(_word, record.through)) or None,
        "answers": ",".join(f"{_word(place)}={code}" for place, code in record.answers) or None,
        "remark": _quoted(record.remark or None, MOST_REMARKED),
        "remarks": _quoted("; ".join(map(" ".join, record.remarks)) or None, MOST_REMARKED),
        "caller_uid": record.caller_uid,
        "duration": f"{record.duration:.6f}",
        "transaction": record.transaction,
        "rhost": _word(record.rhost) if record.rhost else "-",
    }
    words += [f"{name}={value}" for name, value in shown.items() if value is not None]
    return " ".join(words)


def as_json(record: AuditRecord) -> str:
    """Return one line of ASCII; `json.loads` of it has nothing that a terminal would obey.

    The fields are those of the class, in their order.
    """
    # Written out: the encoder of the library takes ten times as long.
    if (
        record.outcome is _GRANTED
        and record.reason is None
        and record.entry is None
        and record.module is None
        and not record.remark
        and not record.through
        and not record.remarks
        and record.acts_for is None
        and record.login_name_digest is None
    ):
        # What is mostly the same as in the last record of a login of that user.
        answers = record.answers
        key = (
            record.login_name,
            record.rhost,
            record.service,
            record.user,
            record.mechanism,
            record.tls,
            record.event,
            record.caller_uid,
            record.company,
        )
        known = _granted.get(key)
        if (
            known is not None
            and known[0] is answers
            and known[1] is record.operation
            and known[2] is record.code
        ):
            fields = known[3]
        else:
            fields = f"{_decided(record)},{_client(record)}"
            if len(_granted) >= _MOST_KEPT:
                _granted.clear()
            _granted[key] = answers, record.operation, record.code, fields
    else:
        fields = f"{_decided(record)},{_client(record)}"
    moment, duration = _moment(record.time), record.duration
    if 0.0 <= duration < 1.0:
        # `_moment` has written the digits: a format takes three times as long.
        micros = int(duration * 1_000_000)
        seconds = f"0.{_digits[micros // 1000]}{_digits[micros % 1000]}"
    else:
        seconds = f"{duration:.6f}"
    return (
        f'{{"time":"{moment}Z","transaction":"{record.transaction}",{fields},"duration":{seconds}}}'
    )


def as_dict(record: AuditRecord) -> dict[str, Any]:
    """Return what the JSON has: texts, numbers, lists and `None`, in the order of the fields."""
    value: dict[str, Any] = json.loads(as_json(record))
    return value


_MOST_KEPT = 1000
_granted: dict[tuple[str | int | None, ...], tuple[Answers, Operation, ReturnCode, str]] = {}
"""Who has logged in, whence and where -> what decided it, and all that as it stands in JSON."""


def _moment(moment: float) -> str:
    """Return seconds since 1970 as RFC 3339 has them, with microseconds and without a zone."""
    global _second, _digits  # noqa: PLW0603 - to write a time takes as long as all the rest
    second, text = _second
    fraction = moment - second
    if not 0.0 <= fraction < 1.0:
        began = int(moment)
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(began))
        _digits = _digits or tuple(f"{number:03}" for number in range(1000))
        _second = float(began), text
        fraction = moment - began
    micros = int(fraction * 1_000_000)
    return f"{text}{_digits[micros // 1000]}{_digits[micros % 1000]}"


_second = -1.0, ""
"""The last second that was written, and how."""
_digits: tuple[str, ...] = ()
"""Number below 1000 -> its three digits; written with the first record."""


def _client(record: AuditRecord) -> str:
    """Return the fields of who logs in, and whence, as they stand in an object of JSON."""
    mechanism, uid = record.mechanism, record.caller_uid
    company = "" if record.company is None else f'"company":{_json(record.company)},'
    return (
        f'"login_name":{_json(record.login_name)},'
        f'"login_name_digest":{_json(record.login_name_digest)},"user":{_json(record.user)},'
        f'{company}"acts_for":{_json(record.acts_for)},'
        f'"mechanism":{"null" if mechanism is None else _json(mechanism)},'
        f'"tls":{"true" if record.tls else "false"},"rhost":{_json(record.rhost)},'
        f'"caller_uid":{"null" if uid is None else uid}'
    )


def _decided(record: AuditRecord) -> str:
    """Return the fields of how it was decided, as they stand in an object of JSON."""
    fields = {
        "event": record.event,
        "service": _shown(record.service),
        "operation": record.operation.method,
        "outcome": None if record.outcome is None else record.outcome.value,
        "code": record.code.token,
        "reason": None if record.reason is None else record.reason.value,
        "module": record.module,
        "entry": record.entry,
        "remark": record.remark,
        "through": record.through,
        "answers": record.answers,
        "remarks": record.remarks,
    }
    return json.dumps(fields, separators=(",", ":"))[1:-1]


def _json(text: str | None) -> str:
    return "null" if text is None else _quote(_shown(text) or "")


def _shown(text: str | None) -> str | None:
    r"""Return a text that can be printed, at most 80 characters of it; the rest is `\x1b`, say.

    A backslash is doubled, so that no two texts look the same.
    """
    if text is None:
        return None
    if len(text) <= MOST_SHOWN and text.isprintable() and "\\" not in text:
        return text
    return "".join(
        char if char.isprintable() and char != "\\" else ascii(char)[1:-1]
        for char in text[:MOST_SHOWN]
    )


def _quoted(text: str | None, most: int = MOST_SHOWN) -> str | None:
    """Return as much of a text in quotes, as Python writes it in ASCII."""
    return None if text is None else ascii(text[:most])


def _word(text: str) -> str:
    """Return a text as it is if it is a word, and in quotes if it could be more."""
    return text if len(text) <= _LONGEST_WORD and _WORD.fullmatch(text) else _quoted(text) or ""
