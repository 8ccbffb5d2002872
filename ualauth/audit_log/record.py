"""A line of a log becomes a record of the audit log, or nothing.

A record is JSON or text (`ualauth.audit`), alone on its line or behind what syslog and Python's
`logging` write before it. It has to begin right there: a program that logs what strangers send
writes words of its own before that, so that no record can be forged by way of its lines. In the
journal's JSON, the record is the message.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from ualauth.audit_log.moments import read_stamp
from ualauth.text.dataclass import dataclass

LONGEST = 1 << 16
"""Characters of a line: longer ones are passed over."""

ABANDONED = "abandoned"
OUTCOMES = ("granted", "refused", "restricted", "expired", "unsuitable", "unavailable", ABANDONED)
"""The outcomes of `ualauth.runtime.outcome`, and what stands for none in the text."""

_STAMP = r"(?P<stamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)"
_TAG = r"[\w./-]{1,64}"
_BEFORE = re.compile(
    # Of syslog: priority, time, host and program (RFC 3164, or RFC 5424 without structured data).
    rf"(?:<\d{{1,3}}>)?(?:(?:1 )?{_STAMP} "
    rf"(?:[\w.:-]{{1,255}} (?:{_TAG}(?:\[\d+\])?: |{_TAG} {_TAG} {_TAG} - ))?)?"
    rf"(?:{_TAG}\[\d+\]: |ualauth: )?"
    # Of Python's logging: level and logger.
    r"(?:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[ :])?(?:ualauth\.audit: ?)?"
)
_TEXT = re.compile(
    r"(?P<service>[0-9A-Za-z.:%_/@+~-]+?|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"): "
    rf"(?P<outcome>{'|'.join(OUTCOMES)})(?: (?P<reason>[a-z_]+))?: (?P<fields>operation=.*)"
)
_FIELD = re.compile(r"([a-z_]+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s'\"]\S*)(?: |$)")
_TEXTS = ("service", "event", "code", "reason", "module", "entry", "remark", "login_name")
_MORE_TEXTS = (
    "login_name_digest",
    "user",
    "company",
    "acts_for",
    "mechanism",
    "rhost",
    "transaction",
)


@dataclass(frozen=True, slots=True)
class Logged:
    """A record: what an audit record has, as texts in which nothing has to be escaped."""

    time: float | None
    """Seconds since 1970; `None` for a text without a time before it."""
    outcome: str
    values: Mapping[str, Any]
    """All fields, as the JSON has them."""

    def text(self, name: str) -> str:
        """Return a field that is a text, empty if it is unknown."""
        return self.values.get(name) or ""

    @property
    def name(self) -> str:
        """Who it was, as typed, or what stands for it."""
        return self.text("login_name") or self.text("login_name_digest") or self.text("user")


def read_line(line: str) -> Logged | None:
    """Return the record that a line is, `None` if it is none, or is cut."""
    if len(line) > LONGEST:
        return None
    line = line.rstrip("\r\n")
    before = _BEFORE.match(line)
    rest = line[before.end() :] if before else line
    stamp = read_stamp(before["stamp"]) if before and before["stamp"] else None
    if rest.startswith("{"):
        return _of_json(rest, stamp, inside=False)
    return _of_text(rest, stamp) or (_of_text(line, None) if rest != line else None)


def _of_json(  # noqa: PLR0911 - what it may be, one after the other
    text: str, stamp: float | None, *, inside: bool
) -> Logged | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    if "event" in values and "outcome" in values:
        return _checked(values, stamp)
    message = values.get("MESSAGE")
    if inside or message is None:
        return None
    if isinstance(message, list) and all(isinstance(each, int) for each in message):
        # What is no UTF-8 is a list of bytes (systemd.journal-fields(7)).
        message = bytes(each & 255 for each in message).decode(errors="replace")
    if not isinstance(message, str):
        return None
    micro = values.get("__REALTIME_TIMESTAMP")
    if isinstance(micro, str) and micro.isdigit() and len(micro) <= 18:
        stamp = int(micro) / 1_000_000
    before = _BEFORE.match(message)
    message = message[before.end() :] if before else message
    if message.startswith("{"):
        return _of_json(message, stamp, inside=True)
    return _of_text(message, stamp)


def _checked(values: dict[str, Any], stamp: float | None) -> Logged | None:
    """Return a record from JSON, unless its values make no sense."""
    for name in (*_TEXTS, *_MORE_TEXTS):
        if not isinstance(values.get(name), str | None):
            return None
    outcome = values["outcome"]
    if outcome is None:
        outcome = ABANDONED
    if outcome not in OUTCOMES or not values.get("service"):
        return None
    moment = values.get("time")
    if isinstance(moment, str):
        stamp = read_stamp(moment)
    return Logged(stamp, outcome, values)


def _of_text(text: str, stamp: float | None) -> Logged | None:
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    values: dict[str, Any] = {"service": _literal(match["service"]), "reason": match["reason"]}
    outcome = match["outcome"]
    values["outcome"] = None if outcome == ABANDONED else outcome
    place, fields, last = 0, match["fields"], ""
    while place < len(fields):
        field = _FIELD.match(fields, place)
        if field is None or field[1] in values:
            # Cut, or put together of two.
            return None
        last = field[1]
        values[last] = _literal(field[2])
        place = field.end()
    if last != "rhost":
        return None
    host = values.get("rhost")
    values["rhost"] = None if host == "-" else host
    values["event"] = "login"
    if outcome == ABANDONED:
        values["event"] = values["reason"] = ABANDONED
    if values.get("tls") in {"yes", "no"}:
        values["tls"] = values["tls"] == "yes"
    return Logged(stamp, outcome, values)


def _literal(text: str) -> str:
    r"""Return a text without its quotes, and with what cannot be printed as in the JSON: `\x1b`."""
    if text[:1] not in {"'", '"'}:
        return text
    try:
        value = str(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return "".join(
        char if char.isprintable() and char != "\\" else ascii(char)[1:-1] for char in value
    )
