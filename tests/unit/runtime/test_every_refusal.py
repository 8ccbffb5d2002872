"""Every way to be refused or put off, made from what the modules declare.

A new reason, module or answer has rows here by itself; none may be without its reason, entry,
remark, record and reply, and none may tell the peer why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from tests.audit_records import audit_records
from tests.conftest import Way
from tests.unit.sasl import clients
from ualauth import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    PasswordExpired,
    PasswordRefused,
    SaslExchange,
    TemporaryFailure,
)
from ualauth.adapters import http_replies, imap_replies, smtp_replies
from ualauth.adapters.sasl_lines import reply_to
from ualauth.audit import AuditRecord, JsonFormatter, Outcome, as_json, schema
from ualauth.codes import LEGAL, UNCHECKED, Operation, ReturnCode
from ualauth.contract.explanations import EXPLANATIONS
from ualauth.module import Attempt, CredentialKind, Module, TokenOptions
from ualauth.reasons import GUESSES, REASON_OF_CODE, REASONS_OF_ATTEMPTS, ReasonCode
from ualauth.runtime.outcome import outcome_of
from ualauth.stack.registry import BUILT_IN, ModuleRegistry
from ualauth.testing.folder import ConfigFolder

AUTHENTICATE, ACCT_MGMT, CHAUTHTOK = (
    Operation.AUTHENTICATE,
    Operation.ACCT_MGMT,
    Operation.CHAUTHTOK,
)
PASSWORD, NEW, TOKEN = "horse-battery-staple", "correct-new-one", "ya29.secret-token"
SECRETS = (PASSWORD, NEW, TOKEN)
VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema()))
KINDS: Mapping[str, type[Module[Any]]] = {
    name: ModuleRegistry(()).find(name) for name in sorted(BUILT_IN)
}
RUNTIME = "the runtime"
DECLARED = {**{name: kind.reasons for name, kind in KINDS.items()}, RUNTIME: REASONS_OF_ATTEMPTS}
ROWS = [
    (name, reason, code, operation)
    for name, reasons in DECLARED.items()
    for reason, codes in reasons.items()
    for code in codes
    for operation in (AUTHENTICATE, ACCT_MGMT, CHAUTHTOK)
    if code in LEGAL[operation] and code not in (ReturnCode.SUCCESS, ReturnCode.IGNORE)
]
EXCEPTIONS = {
    Outcome.REFUSED: AuthenticationFailed,
    Outcome.RESTRICTED: AccountRestricted,
    Outcome.EXPIRED: PasswordExpired,
    Outcome.UNSUITABLE: PasswordRefused,
    Outcome.UNAVAILABLE: TemporaryFailure,
}
_OWN = "[success=ok default=bad]"


class Answering(Module[TokenOptions]):
    """Answer as the test says, for its reason."""

    options_type = TokenOptions
    verifies = frozenset({*CredentialKind})
    reasons = dict.fromkeys(ReasonCode, tuple(ReturnCode))
    reason = ReasonCode.REFUSED
    code = ReturnCode.AUTH_ERR
    at: Operation = AUTHENTICATE

    async def answer(self, attempt: Attempt) -> ReturnCode:
        if attempt.operation is not self.at:
            if attempt.exchange is not None:
                attempt.exchange.accept()
            return ReturnCode.SUCCESS
        kind = type(self)
        attempt.explain(kind.reason, f"because of {kind.reason}")
        return kind.code

    authenticate = acct_mgmt = chauthtok = answer


class Silent(Answering):
    """Answer without a word."""

    async def answer(self, attempt: Attempt) -> ReturnCode:
        return type(self).code

    authenticate = acct_mgmt = answer


@pytest.fixture
def answering(folder: ConfigFolder) -> type[Answering]:
    Answering.reason, Answering.code = ReasonCode.REFUSED, ReturnCode.AUTH_ERR
    Answering.at = AUTHENTICATE
    folder.module("answering", Answering)
    line = "required answering\n"
    folder.service("test", f"auth {line}account {line}password {line}")
    return Answering


def check(record: AuditRecord, error: AuthenticationError) -> dict[str, Any]:
    """Check what is true of each refusal; return the record as programs read it."""
    value: dict[str, Any] = json.loads(as_json(record))
    VALIDATOR.validate(value)
    text = str(record)
    assert text.isprintable()
    assert text.isascii()
    for shown in (text, as_json(record), repr(record), repr(error), str(error)):
        assert not any(secret in shown for secret in SECRETS)
    assert record.reason is not None
    assert record.remark
    assert error.reason is record.reason
    assert record.outcome is not None
    assert type(error) is EXCEPTIONS[record.outcome]
    # Nothing of why is for the peer.
    assert str(error) == type(error).public_text
    assert record.reason.value not in str(error)
    assert text.startswith(f"{record.service}: {record.outcome} {record.reason}: ")
    check_replies(error)
    return value


def check_replies(error: AuthenticationError) -> None:
    """Check that what the adapters say depends on the exception's class alone."""
    plain = type(error)(error.code)
    for replies in (smtp_replies.REPLIES, imap_replies.REPLIES, http_replies.REPLIES):
        table: Mapping[type[Exception], Any] = replies
        reply = reply_to(error, table)
        assert reply == reply_to(plain, table)
        assert error.reason is not None
        assert "because of" not in str(reply)


@pytest.mark.parametrize(
    ("module", "reason", "code", "operation"),
    ROWS,
    ids=[f"{row[0]}-{row[1]}-{row[2]}-{row[3]}" for row in ROWS],
)
def test_each_declared_reason_reaches_exception_trace_and_record(
    folder: ConfigFolder,
    answering: type[Answering],
    caplog: pytest.LogCaptureFixture,
    module: str,
    reason: ReasonCode,
    code: ReturnCode,
    operation: Operation,
) -> None:
    from ualauth import Authenticator

    answering.reason, answering.code, answering.at = reason, code, operation
    with Authenticator(folder.config()) as auth:
        ask: Any = auth.change_password if operation is CHAUTHTOK else auth.authenticate
        passwords = (PASSWORD, NEW) if operation is CHAUTHTOK else (PASSWORD,)
        with pytest.raises(AuthenticationError) as raised:
            ask("test", "jsmith", *passwords, rhost="192.0.2.7")
    (record,) = audit_records(caplog)
    check(record, raised.value)
    could_not = code in UNCHECKED or code is ReturnCode.INCOMPLETE
    assert record.outcome is outcome_of(operation, code, could_not_check=could_not)
    assert (record.reason, record.code, record.operation) == (reason, code, operation)
    line = (AUTHENTICATE, ACCT_MGMT, CHAUTHTOK).index(operation) + 1
    place = f"{folder.services}/test:{line}"
    assert (record.module, record.entry) == ("answering", place)
    assert record.remark == f"because of {reason}"
    assert record.answers[-1] == (place, str(code))
    assert record.event == ("password_change" if operation is CHAUTHTOK else "login")
    trace = raised.value.trace
    assert trace[-1].reason is reason
    assert trace[-1].remark == record.remark
    assert (record.login_name, record.rhost) == ("jsmith", "192.0.2.7")


def responses(mechanism: str, user: str = "jsmith") -> Any:
    """Return the client of a mechanism that needs no keytab and no certificate."""
    if mechanism.startswith("SCRAM"):
        return clients.scram(mechanism, user, PASSWORD)
    return {
        "PLAIN": lambda: clients.plain(user, PASSWORD),
        "LOGIN": lambda: clients.login(user, PASSWORD),
        "CRAM-MD5": lambda: clients.cram_md5(user, PASSWORD),
        "XOAUTH2": lambda: clients.initial(f"user={user}\1auth=Bearer {TOKEN}\1\1".encode()),
        "OAUTHBEARER": lambda: clients.initial(f"n,a={user},\1auth=Bearer {TOKEN}\1\1".encode()),
        "EXTERNAL": lambda: clients.initial(b""),
        "ANONYMOUS": lambda: clients.initial(b"guest"),
    }[mechanism]()


def run(exchange: SaslExchange, client: Any) -> None:
    challenge = exchange.step(next(client))
    while challenge is not None:
        challenge = exchange.step(client.send(challenge))


MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@pytest.mark.parametrize("reason", [*ReasonCode], ids=str)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_reason_is_recorded_with_each_mechanism(
    folder: ConfigFolder,
    answering: type[Answering],
    caplog: pytest.LogCaptureFixture,
    mechanism: str,
    reason: ReasonCode,
) -> None:
    from ualauth import Authenticator

    names = ", ".join(f'"{each}"' for each in MECHANISMS)
    folder.settings(f"[sasl]\nmechanisms = [{names}]\n")
    unchecked = set(REASONS_OF_ATTEMPTS.get(reason, ())) & UNCHECKED
    answering.reason = reason
    answering.code = next(iter(unchecked), ReturnCode.AUTH_ERR)
    client = responses(mechanism)
    with Authenticator(folder.config()) as auth:
        exchange = auth.sasl("test", mechanism, rhost="192.0.2.7", tls=True)
        with pytest.raises(AuthenticationError) as raised:
            run(exchange, client)
    (record,) = audit_records(caplog)
    check(record, raised.value)
    assert (record.mechanism, record.reason, record.tls) == (mechanism, reason, True)
    assert (record.event, record.operation) == ("login", AUTHENTICATE)
    assert (record.entry, record.module) == (f"{folder.services}/test:1", "answering")


@pytest.mark.parametrize("reason", [*ReasonCode], ids=str)
def test_each_reason_is_explained_and_is_a_word(reason: ReasonCode) -> None:
    meaning, cure = EXPLANATIONS[reason]
    assert meaning
    assert cure
    assert reason.value == reason.name.lower()
    own = {ReasonCode.MAY_NOT_ACT_FOR, ReasonCode.TLS_REQUIRED, ReasonCode.ABANDONED}
    given = {each for reasons in DECLARED.values() for each in reasons} | set(
        REASON_OF_CODE.values()
    )
    assert reason in given | own | {ReasonCode.NO_DECISION, ReasonCode.CERTIFICATE_UNTRUSTED}


def test_no_guess_is_one_that_could_not_be_checked() -> None:
    for reason in GUESSES:
        for name, reasons in DECLARED.items():
            unchecked = set(reasons.get(reason, ())) & UNCHECKED
            # With onerr=, pam_listfile answers so for a user whom the host does not know.
            assert not unchecked or (name, reason) == ("pam_listfile", ReasonCode.USER_UNKNOWN)


@pytest.mark.parametrize("code", [each for each in ReturnCode if each != 0], ids=str)
def test_a_module_that_says_nothing_has_a_reason_and_a_remark(
    way: Way, folder: ConfigFolder, caplog: pytest.LogCaptureFixture, code: ReturnCode
) -> None:
    Silent.code = code
    folder.module("silent", Silent)
    folder.service("test", "auth required silent\naccount required silent\n")
    with pytest.raises(AuthenticationError) as raised:
        way.login(folder.config(), "test", "jsmith", PASSWORD)
    (record,) = audit_records(caplog)
    check(record, raised.value)
    assert record.reason is REASON_OF_CODE[code]
    assert record.entry == f"{folder.services}/test:1"


MISTAKES = {
    "auth required no_such_module": (ReasonCode.MODULE_MISSING, "no_such_module"),
    "auth requird pam_permit": (ReasonCode.MISCONFIGURED, "unknown control"),
    "nonsense required pam_permit": (ReasonCode.MISCONFIGURED, "no module type"),
    "auth include nowhere": (ReasonCode.MISCONFIGURED, "this line has a mistake"),
    "auth required": (ReasonCode.MISCONFIGURED, "the line has no module"),
    "auth required om_auth nullok_secure=1": (ReasonCode.MISCONFIGURED, "nullok_secure"),
    "auth required om_auth use_first_pass": (ReasonCode.NO_PASSWORD, "no module before it"),
    "auth required om_ldap": (ReasonCode.MISCONFIGURED, "om_ldap.conf"),
    "auth required pam_listfile item=user sense=allow file=/nonexistent/x": (
        ReasonCode.FILE_UNUSABLE,
        "/nonexistent/x",
    ),
    "auth required pam_succeed_if uid >= 0": (ReasonCode.USER_UNKNOWN, "no account 'jsmith'"),
    "auth required pam_if tls stack=nowhere": (ReasonCode.MISCONFIGURED, "mistake"),
    "auth required pam_deny": (ReasonCode.DENIED, "every user"),
    "auth required om_admin": (ReasonCode.CALLER_NOT_ALLOWED, "who calls"),
    "auth required om_diag": (ReasonCode.SERVICE_NOT_ALLOWED, "not for the service"),
    "auth required om_unix2om": (ReasonCode.CALLER_NOT_ALLOWED, "who calls"),
    "auth required om_external": (ReasonCode.CREDENTIAL_NOT_JUDGED, "a typed password"),
    "auth required om_anonymous": (ReasonCode.CREDENTIAL_NOT_JUDGED, "a typed password"),
    "auth required om_oauth issuer=https://i keys=/k audience=a claim=sub": (
        ReasonCode.CREDENTIAL_NOT_JUDGED,
        "a typed password",
    ),
    "auth required om_auth": (ReasonCode.USERLIST_UNAVAILABLE, "ualauth init"),
    "auth required om_om2authid": (ReasonCode.USERLIST_UNAVAILABLE, "ualauth init"),
    "auth required pam_linux service=no-such-service": (ReasonCode.HOST_UNAVAILABLE, "no-such"),
    "auth required pam_if !tls": (ReasonCode.NO_DECISION, "no entry"),
    "auth [success=9] pam_permit": (ReasonCode.MISCONFIGURED, "beyond the end"),
    "auth [success=die] pam_permit": (ReasonCode.DENIED, "success counts as die"),
    "": (ReasonCode.MISCONFIGURED, "no auth entries"),
}


@pytest.mark.parametrize("line", MISTAKES, ids=range(len(MISTAKES)))
def test_each_line_says_why_it_refuses(
    way: Way, folder: ConfigFolder, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    reason, word = MISTAKES[line]
    folder.service("test", f"{line}\naccount required pam_permit\n")
    with pytest.raises(AuthenticationError) as raised:
        way.login(folder.config(), "test", "jsmith", PASSWORD, tls=True)
    (record,) = audit_records(caplog)
    check(record, raised.value)
    if line == "auth required pam_if !tls":
        assert record.reason is ReasonCode.NO_DECISION
    assert record.reason is reason
    assert word in record.remark
    assert record.entry == (f"{folder.services}/test:1" if line else None)


@pytest.mark.parametrize("outer", ["auth sufficient", "auth [success=1 default=ignore]"])
def test_what_ends_a_stack_has_the_reason_of_what_came_before(
    way: Way, folder: ConfigFolder, caplog: pytest.LogCaptureFixture, outer: str
) -> None:
    folder.service(
        "test",
        f"{outer} pam_debug auth=acct_expired\nauth requisite pam_deny\n"
        "auth required pam_permit\naccount required pam_permit\n",
    )
    with pytest.raises(AuthenticationError) as raised:
        way.login(folder.config(), "test", "jsmith", PASSWORD)
    (record,) = audit_records(caplog)
    check(record, raised.value)
    assert record.reason is ReasonCode.ACCOUNT_EXPIRED
    assert (record.module, record.entry) == ("pam_deny", f"{folder.services}/test:2")
    assert record.remarks == (("pam_debug:1", "as the line says: auth=acct_expired"),)


def test_what_could_not_be_checked_is_the_reason_whatever_others_say(
    way: Way, folder: ConfigFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.service(
        "test",
        "auth optional pam_debug auth=authinfo_unavail\nauth required pam_debug auth=auth_err\n",
    )
    with pytest.raises(TemporaryFailure) as raised:
        way.login(folder.config(), "test", "jsmith", PASSWORD)
    (record,) = audit_records(caplog)
    check(record, raised.value)
    assert (record.outcome, record.code) == (Outcome.UNAVAILABLE, ReturnCode.AUTH_ERR)
    assert record.reason is ReasonCode.UNAVAILABLE
    assert record.entry == f"{folder.services}/test:1"


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [("", PASSWORD, ReasonCode.MALFORMED), ("jsmith", "a\0b", ReasonCode.MALFORMED)],
)
def test_what_no_module_has_to_see_has_a_reason_too(
    way: Way,
    folder: ConfigFolder,
    caplog: pytest.LogCaptureFixture,
    user: str,
    password: str,
    reason: ReasonCode,
) -> None:
    folder.service("test", "auth required pam_permit\naccount required pam_permit\n")
    with pytest.raises(AuthenticationFailed) as raised:
        way.login(folder.config(), "test", user, password)
    (record,) = audit_records(caplog)
    value = check(record, raised.value)
    assert record.reason is reason
    assert (value["entry"], value["answers"]) == (None, [])


def test_records_of_other_loggers_are_json_too() -> None:
    import logging

    record = logging.LogRecord("ualauth.login", 40, "x", 1, "a\n%s", ("b",), None)
    value = json.loads(JsonFormatter().format(record))
    assert (value["logger"], value["level"], value["message"]) == ("ualauth.login", "ERROR", "a\nb")
