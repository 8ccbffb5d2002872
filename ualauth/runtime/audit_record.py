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
    answers: tuple[tuple[str, str], ...]
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
    if record.outcome is _GRANTED:
        decided, names = _of_granted(record)
    else:
        decided, names = _decided(record), _names(record)
    global _second  # noqa: PLW0603 - to write a time takes as long as the rest of a record
    moment = int(record.time)
    second, text = _second
    if second != moment:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
        _second = moment, text
    micros = int((record.time - moment) * 1_000_000)
    mechanism = record.mechanism
    uid = record.caller_uid
    return (
        f'{{"time":"{text}.{micros:06d}Z","transaction":"{record.transaction}",{decided},{names},'
        f'"mechanism":{"null" if mechanism is None else _json(mechanism)},'
        f'"tls":{"true" if record.tls else "false"},"rhost":{_json(record.rhost)},'
        f'"caller_uid":{"null" if uid is None else uid},"duration":{record.duration:.6f}}}'
    )


def as_dict(record: AuditRecord) -> dict[str, Any]:
    """Return what the JSON has: texts, numbers, lists and `None`, in the order of the fields."""
    value: dict[str, Any] = json.loads(as_json(record))
    return value


_MOST_KEPT = 1000
_granted: dict[int, tuple[AuditRecord, str]] = {}
"""`id` of the answers of a login that was granted -> such a record, and how it was decided."""
_granted_names: dict[tuple[str | None, str | None], str] = {}
"""Name as typed and user of logins that were granted -> these fields."""


def _of_granted(record: AuditRecord) -> tuple[str, str]:
    """Return what is mostly the same as in the last record of a login of that user."""
    before = _granted.get(id(record.answers))
    if before is not None and _is_decided_alike(before[0], record):
        decided = before[1]
    else:
        if len(_granted) >= _MOST_KEPT:
            _granted.clear()
        decided = _decided(record)
        _granted[id(record.answers)] = record, decided
    if record.acts_for is not None or record.login_name_digest is not None:
        return decided, _names(record)
    key = record.login_name, record.user
    names = _granted_names.get(key)
    if names is None:
        if len(_granted_names) >= _MOST_KEPT:
            _granted_names.clear()
        names = _granted_names[key] = _names(record)
    return decided, names


def _is_decided_alike(one: AuditRecord, other: AuditRecord) -> bool:
    """Return whether all fields of `_decided` are the same in two records."""
    return (
        one.answers is other.answers
        and one.service == other.service
        and one.event == other.event
        and one.operation is other.operation
        and one.outcome is other.outcome
        and one.code is other.code
        and one.reason is other.reason
        and one.module == other.module
        and one.entry == other.entry
        and one.remark == other.remark
        and one.through == other.through
        and one.remarks == other.remarks
    )


def _names(record: AuditRecord) -> str:
    """Return the fields of who logs in, as they stand in an object of JSON."""
    return (
        f'"login_name":{_json(record.login_name)},'
        f'"login_name_digest":{_json(record.login_name_digest)},"user":{_json(record.user)},'
        f'"acts_for":{_json(record.acts_for)}'
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


_second = 0, ""
"""The last second that was written, and how."""


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
