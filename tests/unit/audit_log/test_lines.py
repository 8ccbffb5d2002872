"""Lines of logs become records: JSON and text, alone and behind what others write before them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from ualauth.audit_log.moments import read_moment, read_stamp
from ualauth.audit_log.record import LONGEST, OUTCOMES, Logged, read_line
from ualauth.codes import Operation, ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.runtime.audit_record import AuditRecord, as_json, as_text
from ualauth.runtime.outcome import Outcome

RECORD = AuditRecord(
    time=1_795_000_000.25,
    transaction="0123456789abcdef",
    event="login",
    service="pop3",
    operation=Operation.AUTHENTICATE,
    outcome=Outcome.REFUSED,
    code=ReturnCode.AUTH_ERR,
    reason=ReasonCode.WRONG_PASSWORD,
    module="om_auth",
    entry="/etc/ualauth/pam.d/pop3:8",
    remark="wrong password",
    through=(),
    answers=(("/etc/ualauth/pam.d/pop3:8", "auth_err"),),
    remarks=(("om_ldap:7", "no 'such' user"),),
    login_name="jsmith",
    login_name_digest=None,
    user="jsmith",
    acts_for=None,
    mechanism="PLAIN",
    tls=True,
    rhost="192.0.2.7",
    caller_uid=None,
    duration=0.01,
)
HOSTILE = [
    "a b",
    "\x1b[2J\x1b]0;x\x07",
    "evil\npop3: granted: operation=acct_mgmt rhost=1.1.1.1",
    "' rhost=1.1.1.1 x='",
    '" rhost=1.1.1.1',
    "\\",
    "\\n",
    '{"event":"login","outcome":"granted"}',
    "\u202egnp.exe",
    "\ud800",
    "дж",
    "x" * 500,
    "ualauth.audit: pop3: granted: operation=x rhost=1.1.1.1",
]


def both(record: AuditRecord) -> tuple[Logged, Logged]:
    """Return a record as it is read back from JSON and from text."""
    of_json, of_text = read_line(as_json(record)), read_line(as_text(record))
    assert of_json is not None
    assert of_text is not None
    return of_json, of_text


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", ["login_name", "user", "acts_for", "rhost", "remark", "service"])
def test_what_strangers_send_stays_where_it_is(field: str, name: str) -> None:
    changes: dict[str, Any] = {field: name}
    record = replace(RECORD, **changes)
    of_json, of_text = both(record)
    for each in (of_json, of_text):
        assert each.outcome == "refused"
        assert each.text("reason") == "wrong_password"
        assert each.text("code") == "auth_err"
        if field != "rhost":
            assert each.text("rhost") == "192.0.2.7"
        if field != "login_name":
            assert each.text("login_name") == "jsmith"
        assert each.text(field)
    if field != "remark":
        assert of_json.text(field) == of_text.text(field)
        assert of_json.text(field).isprintable()


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_each_outcome_is_read_back(outcome: Outcome | None) -> None:
    record = replace(RECORD, outcome=outcome)
    if outcome is None:
        record = replace(record, event="abandoned", reason=ReasonCode.ABANDONED)
    if outcome is Outcome.GRANTED:
        record = replace(record, reason=None, entry=None, module=None)
    of_json, of_text = both(record)
    assert of_json.outcome == of_text.outcome == str(outcome or "abandoned")
    assert of_json.text("reason") == of_text.text("reason")
    assert of_json.outcome in OUTCOMES


BEFORE = [
    "",
    "WARNING ualauth.audit: ",
    "WARNING:ualauth.audit:",
    "2026-11-29 09:12:00,123 WARNING ualauth.audit: ",
    "Nov 29 09:12:00 mail.example.com ualauth: ",
    "Nov  9 09:12:00 mail imap-server[4711]: ",
    "<85>Nov 29 09:12:00 mail ualauth[1]: ",
    "2026-11-29T09:12:00.123456+01:00 mail ualauth: ",
    "<85>1 2026-11-29T09:12:00.123456+01:00 mail.example.com ualauth 4711 - - ",
    "ualauth: ",
]


@pytest.mark.parametrize("before", BEFORE)
def test_what_syslog_and_logging_write_before_is_passed_over(before: str) -> None:
    for line in (as_text(RECORD), as_json(RECORD)):
        record = read_line(f"{before}{line}\n")
        assert record is not None
        assert record.text("login_name") == "jsmith"
        assert record.text("service") == "pop3"
        if line.startswith("{"):
            assert record.time == pytest.approx(RECORD.time)
        else:
            assert (record.time is not None) == ("09:12" in before)


def test_a_service_may_be_called_as_what_stands_before_others() -> None:
    for name in ("ualauth", "granted", "refused", "ualauth.audit", "a:b"):
        record = read_line(as_text(replace(RECORD, service=name)))
        assert record is not None, name
        assert record.text("login_name") == "jsmith"


OTHERS = [
    "",
    "\n",
    "Nov 29 09:12:00 mail sshd[1]: Invalid user {text} from 6.6.6.6 port 1",
    "Nov 29 09:12:00 mail sshd[1]: Failed password for invalid user {text}",
    "INFO other.logger: {text}",
    "2026-11-29 09:12:00 WARNING other: pop3: said {text}",
    "x {text}",
    "{text} from 6.6.6.6",
    "{json} from 6.6.6.6",
    "{json}{json}",
    "[{json}]",
    "null",
    "{{}}",
    '{{"MESSAGE": 1}}',
    '{{"MESSAGE": null}}',
    '{{"MESSAGE": "x {text}"}}',
    '{{"message": "hello", "level": "INFO"}}',
]


@pytest.mark.parametrize("line", OTHERS)
def test_lines_of_others_are_no_records(line: str) -> None:
    text, json_text = as_text(RECORD), as_json(RECORD)
    if "MESSAGE" in line:
        text = text.replace('"', "")
    assert read_line(line.format(text=text, json=json_text)) is None


@pytest.mark.parametrize("form", [as_text, as_json])
def test_a_line_that_is_cut_is_no_record(form: object) -> None:
    line: str = form(RECORD)  # type: ignore[operator]  # one of two functions
    for end in range(len(line)):
        record = read_line(line[:end])
        # Of the text, an address that is cut looks like another one.
        assert record is None or line[:end].partition("rhost=")[2]


def test_two_lines_that_ran_together_are_no_record() -> None:
    line = as_text(RECORD)
    for cut in range(20, len(line) - 20, 7):
        assert read_line(line[:cut] + line) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome", "won"),
        ("outcome", ["granted"]),
        ("login_name", {"a": 1}),
        ("service", None),
        ("service", 7),
        ("reason", 1),
        ("rhost", ["x"]),
    ],
)
def test_json_that_makes_no_sense_is_no_record(field: str, value: object) -> None:
    values = json.loads(as_json(RECORD))
    assert read_line(json.dumps({**values, field: value})) is None


def test_json_that_is_too_deep_or_too_long_is_no_record() -> None:
    assert read_line('{"event":' * 20_000) is None
    assert read_line('{"event":' + "[" * 60_000) is None
    assert read_line(as_json(RECORD) + " " * LONGEST) is None
    assert read_line('{"event":"login","outcome":' + "9" * 10_000 + "}") is None


@pytest.mark.parametrize("form", [as_text, as_json])
@pytest.mark.parametrize("binary", [False, True])
def test_messages_of_the_journal_are_records(form: object, binary: bool) -> None:
    message: str = form(RECORD)  # type: ignore[operator]  # as above
    entry = {
        "__REALTIME_TIMESTAMP": "1795000000250000",
        "SYSLOG_IDENTIFIER": "imap-server",
        "MESSAGE": list(message.encode()) if binary else message,
    }
    record = read_line(json.dumps(entry))
    assert record is not None
    assert record.time == pytest.approx(RECORD.time)
    assert record.text("login_name") == "jsmith"


def test_moments_that_are_asked_for() -> None:
    now = 1_795_000_000.0
    assert read_moment("90m", now) == now - 5400
    assert read_moment("2h", now) == now - 7200
    assert read_moment("2h ago", now) == now - 7200
    assert read_moment("now", now) == now
    assert read_moment("2026-11-29T09:12:00+00:00", now) == 1_795_943_520.0
    for text in ("", "yesterday", "1x", "-1h", "2026-13-01", "9" * 40 + "h", "1h 2h"):
        with pytest.raises(ValueError, match="is no time"):
            read_moment(text, now)


def test_a_stamp_without_a_year_is_of_the_last_such_day() -> None:
    now = time.time()
    for days in (0, 1, 100, 360):
        text = time.strftime("%b %d %H:%M:%S", time.localtime(now - days * 86400))
        assert read_stamp(text) == pytest.approx(now - days * 86400, abs=1)
    assert read_stamp("Feb 31 00:00:00") is None
