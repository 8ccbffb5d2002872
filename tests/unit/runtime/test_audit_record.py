"""The JSON of audit records: what is kept from one to the next is only what is the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ualauth.audit import AuditRecord, Outcome, as_json
from ualauth.codes import Operation, ReturnCode

GRANTED = AuditRecord(
    time=1_800_000_000.25,
    transaction="0123456789abcdef",
    event="login",
    service="pop3",
    operation=Operation.ACCT_MGMT,
    outcome=Outcome.GRANTED,
    code=ReturnCode.SUCCESS,
    reason=None,
    module="om_auth",
    entry="/etc/ualauth/pam.d/pop3:8",
    remark="password verified",
    through=(),
    answers=(("/etc/ualauth/pam.d/pop3:8", "success"),),
    remarks=(),
    login_name="jsmith",
    login_name_digest=None,
    user="jsmith",
    acts_for=None,
    mechanism="PLAIN",
    tls=True,
    rhost="192.0.2.7",
    caller_uid=None,
    duration=0.001,
)


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("remark", "let in from memory", "let in from memory"),
        ("remarks", (("om_ldap:7", "cannot be asked"),), [["om_ldap:7", "cannot be asked"]]),
        ("module", "om_ldap", "om_ldap"),
        ("entry", "/etc/ualauth/pam.d/pop3:9", "/etc/ualauth/pam.d/pop3:9"),
        ("through", ("/etc/ualauth/pam.d/pop3:1",), ["/etc/ualauth/pam.d/pop3:1"]),
        ("service", "imap", "imap"),
        ("event", "operation", "operation"),
        ("operation", Operation.AUTHENTICATE, "authenticate"),
        ("user", "ann", "ann"),
        ("login_name", "js@example.com", "js@example.com"),
        ("acts_for", "boss", "boss"),
        ("mechanism", None, None),
        ("rhost", "198.51.100.1", "198.51.100.1"),
        ("tls", False, False),
    ],
)
def test_a_field_of_one_record_is_never_that_of_another(
    field: str, value: object, shown: object
) -> None:
    """The answers are the same object in all of them, as those of one stack may be."""
    first = json.loads(as_json(GRANTED))
    other = json.loads(as_json(replace(GRANTED, **{field: value})))  # type: ignore[arg-type]
    assert other == first | {field: shown}
    assert json.loads(as_json(GRANTED)) == first
