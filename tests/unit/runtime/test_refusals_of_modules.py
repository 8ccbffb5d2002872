"""Shipped modules are made to refuse for the reasons and codes that they declare.

What needs a server, a host's PAM or a race is tested with the module. `tests/declared_reasons.py`
sees to it that a whole run of the tests leaves nothing out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.audit_records import audit_records
from tests.machine import patience
from tests.unit.runtime.test_every_refusal import KINDS, PASSWORD, check, responses, run
from ualauth import AuthenticationError, Authenticator, TemporaryFailure
from ualauth.codes import Operation, ReturnCode
from ualauth.messages import Message, Question
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

R, C = ReasonCode, ReturnCode
PAST, FUTURE = datetime(2001, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)
OTHER_DAY = f"{datetime.now(UTC) + timedelta(days=3):%a}"[:2]
SPENT = "[password]\nmaximum_age_days = 1\ninactive_days = 1\n"
IMAP = "host=127.0.0.1:9 tls=none"
SETTINGS = """\
[stack]
fail_delay = false
[lockout]
failures = 2
failure_delay = 0
[sasl]
mechanisms = ["SCRAM-SHA-256", "PLAIN", "XOAUTH2"]
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A login of jsmith that one entry of a real module refuses."""

    module: str
    reason: ReasonCode
    code: ReturnCode
    arguments: str = ""
    account: bool = False
    """Whether the entry is one of account, behind an auth stack that grants."""
    stack: str = ""
    """The service, if it is more than that entry; the entry that refuses is the module's."""
    settings: str = ""
    """More lines of ualauth.toml."""
    user: Mapping[str, Any] = field(default_factory=dict)
    """What jsmith is like in the USERLIST."""
    password: str = PASSWORD
    mechanism: str = ""
    peer: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    before: int = 0
    """Wrong passwords before."""
    new: str | None = None
    """The new password, of a change."""
    userlist: bool = False
    """Whether there is one; for modules of ualauth's own, in any case."""

    def __str__(self) -> str:
        return f"{self.module}-{self.reason}-{self.code}"

    def lines(self) -> str:
        if self.stack:
            return self.stack
        line = f"required {self.module} {self.arguments}"
        if self.account:
            return f"auth required pam_permit\naccount {line}\n"
        permit = "account required pam_permit\n"
        return f"auth {line}\n{permit}password {line}\n" if self.new else f"auth {line}\n{permit}"


def om_auth(reason: ReasonCode, code: ReturnCode, **more: Any) -> Row:
    return Row(module="om_auth", reason=reason, code=code, **more)


def listfile(reason: ReasonCode, code: ReturnCode, arguments: str, **more: Any) -> Row:
    return Row(module="pam_listfile", reason=reason, code=code, arguments=arguments, **more)


def imap(reason: ReasonCode, code: ReturnCode, **more: Any) -> Row:
    return Row(module="om_imap", reason=reason, code=code, arguments=IMAP, **more)


ROWS = [
    om_auth(R.WRONG_PASSWORD, C.AUTH_ERR, password="wrong"),
    om_auth(R.LOCKED_OUT, C.PERM_DENIED, before=2),
    om_auth(R.NO_PASSWORD, C.AUTH_ERR, arguments="use_first_pass"),
    om_auth(R.NO_SECRET, C.CRED_UNAVAIL, mechanism="SCRAM-SHA-256"),
    om_auth(R.LOCKED, C.PERM_DENIED, account=True, user={"locked": True}),
    om_auth(R.ACCOUNT_EXPIRED, C.ACCT_EXPIRED, account=True, user={"account_expires": PAST}),
    om_auth(R.NOT_YET_VALID, C.PERM_DENIED, account=True, user={"account_starts": FUTURE}),
    om_auth(R.SOURCE_NOT_ALLOWED, C.PERM_DENIED, account=True,
            settings='[account]\nallowed_networks = ["198.51.100.0/24"]\n'),
    om_auth(R.SERVICE_NOT_ALLOWED, C.PERM_DENIED, account=True,
            settings='[account]\nallowed_services = ["pop3"]\n'),
    om_auth(R.MECHANISM_NOT_OFFERED, C.PERM_DENIED, account=True,
            settings='[account]\nallowed_mechanisms = ["SCRAM-SHA-256"]\n'),
    om_auth(R.PASSWORD_EXPIRED, C.NEW_AUTHTOK_REQD, account=True,
            user={"password_expires": PAST},
            settings="[password]\nmaximum_age_days = 1\ninactive_days = 0\n"),
    om_auth(R.PASSWORD_EXPIRED, C.AUTHTOK_EXPIRED, account=True,
            user={"password_expires": PAST}, settings=SPENT),
    om_auth(R.PASSWORD_EXPIRED, C.PERM_DENIED, user={"password_expires": PAST}, settings=SPENT,
            new="a violet anchor"),
    om_auth(R.NOT_IN_HOURS, C.PERM_DENIED, account=True,
            settings=f'[account]\nallowed_hours = ["{OTHER_DAY} 00:00-24:00"]\n'),
    om_auth(R.PASSWORD_MUST_CHANGE, C.NEW_AUTHTOK_REQD, account=True,
            user={"must_change_password": True}),
    om_auth(R.USER_UNKNOWN, C.USER_UNKNOWN, account=True, peer={"login_name": "stranger"}),
    om_auth(R.USER_UNKNOWN, C.USER_UNKNOWN, peer={"login_name": "stranger"}),
    om_auth(R.USER_UNKNOWN, C.CRED_UNAVAIL, peer={"login_name": "stranger"},
            mechanism="SCRAM-SHA-256"),
    om_auth(R.PASSWORD_UNSUITABLE, C.AUTHTOK_ERR, new="x"),
    om_auth(R.PASSWORD_NOT_CHANGEABLE, C.AUTHTOK_ERR, new="a violet anchor",
            user={"password_changed": datetime.now(UTC)},
            settings="[password]\nminimum_age_days = 7\n"),
    om_auth(R.USERLIST_UNAVAILABLE, C.AUTHINFO_UNAVAIL, files={"userlist.db": "no database"}),
    Row(module="om_admin", reason=R.CALLER_NOT_ALLOWED, code=C.PERM_DENIED),
    Row(module="om_admin", reason=R.CALLER_NOT_ALLOWED, code=C.PERM_DENIED,
        user={"unix_uid": 4711}, peer={"caller_uid": 4711}),
    Row(module="om_admin", reason=R.CALLER_NOT_ALLOWED, code=C.USER_UNKNOWN,
        peer={"caller_uid": 4711}),
    Row(module="om_admin", reason=R.CALLER_NOT_ALLOWED, code=C.ACCT_EXPIRED,
        user={"unix_uid": 4711, "administrator": True, "account_expires": PAST},
        peer={"caller_uid": 4711}),
    Row(module="om_unix2om", reason=R.CALLER_NOT_ALLOWED, code=C.PERM_DENIED),
    Row(module="om_unix2om", reason=R.CALLER_NOT_ALLOWED, code=C.USER_UNKNOWN,
        peer={"caller_uid": 4711}),
    Row(module="om_unix2om", reason=R.WRONG_USER, code=C.AUTH_ERR,
        user={"unix_uid": 4711}, peer={"caller_uid": 4711, "login_name": "ann"}),
    Row(module="om_diag", reason=R.SERVICE_NOT_ALLOWED, code=C.PERM_DENIED),
    Row(module="om_diag", reason=R.CALLER_NOT_ALLOWED, code=C.PERM_DENIED,
        arguments="service=test uid=0", peer={"caller_uid": 4711}),
    Row(module="om_anonymous", reason=R.CREDENTIAL_NOT_JUDGED, code=C.CRED_UNAVAIL),
    Row(module="om_external", reason=R.CREDENTIAL_NOT_JUDGED, code=C.CRED_UNAVAIL),
    Row(module="om_oauth", reason=R.CREDENTIAL_NOT_JUDGED, code=C.CRED_UNAVAIL,
        arguments="issuer=https://i keys=/k audience=a claim=sub"),
    imap(R.NO_PASSWORD, C.AUTH_ERR, password=""),
    imap(R.USER_UNKNOWN, C.USER_UNKNOWN, peer={"login_name": "stranger"}),
    imap(R.USERLIST_UNAVAILABLE, C.AUTHINFO_UNAVAIL, files={"userlist.db": "no database"}),
    Row(module="om_om2authid", reason=R.USER_UNKNOWN, code=C.USER_UNKNOWN,
        peer={"login_name": "stranger"}),
    Row(module="pam_deny", reason=R.DENIED, code=C.AUTH_ERR),
    Row(module="pam_deny", reason=R.DENIED, code=C.AUTH_ERR, account=True),
    listfile(R.LISTED, C.AUTH_ERR, "item=user sense=deny file={folder}/list",
             files={"list": "jsmith\n"}),
    listfile(R.NOT_LISTED, C.AUTH_ERR, "item=user sense=allow file={folder}/list",
             files={"list": "ann\n"}),
    listfile(R.FILE_UNUSABLE, C.SERVICE_ERR, "item=user sense=allow file={folder}/missing"),
    listfile(R.FILE_UNUSABLE, C.AUTH_ERR, "item=user sense=allow file={folder}/open",
             files={"open": "jsmith\n"}),
    listfile(R.MISCONFIGURED, C.SERVICE_ERR, "item=user sense=allow"),
    listfile(R.USER_UNKNOWN, C.SERVICE_ERR, "item=shell sense=allow file={folder}/list",
             files={"list": "/bin/sh\n"}),
    Row(module="pam_succeed_if", reason=R.CONDITION_FAILED, code=C.AUTH_ERR,
        arguments="user = ann"),
    Row(module="pam_succeed_if", reason=R.NOT_IN_GROUP, code=C.AUTH_ERR,
        arguments="user ingroup nogroup-at-all", peer={"login_name": "root"}),
    Row(module="pam_succeed_if", reason=R.USER_UNKNOWN, code=C.USER_UNKNOWN,
        arguments="uid >= 0"),
    Row(module="pam_succeed_if", reason=R.MISCONFIGURED, code=C.SERVICE_ERR,
        arguments="user nonsense x"),
    Row(module="pam_if", reason=R.MISCONFIGURED, code=C.PERM_DENIED,
        arguments="tls stack=nowhere", peer={"tls": True}),
    Row(module="pam_if", reason=R.MISCONFIGURED, code=C.PERM_DENIED,
        arguments="tls stack=half", peer={"tls": True},
        files={"pam.d/half": "account required pam_permit\n"}),
    Row(module="pam_if", reason=R.MISCONFIGURED, code=C.AUTHINFO_UNAVAIL,
        arguments="group=nowhere", userlist=True),
    *(
        Row(module="pam_debug", reason=reason, code=code, arguments=f"auth={code}")
        for reason, codes in KINDS["pam_debug"].reasons.items()
        for code in codes
        if code is not C.IGNORE
    ),
]  # fmt: skip


def log_in(auth: Authenticator, row: Row, name: str, peer: Any) -> None:
    if row.mechanism:
        exchange = auth.sasl("test", row.mechanism, **peer)
        run(exchange, responses(row.mechanism, name))
    elif row.new is not None:
        auth.change_password("test", name, row.password, row.new, **peer)
    else:
        auth.authenticate("test", name, row.password, **peer)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_module_refuses_for_its_reason(
    folder: ConfigFolder, caplog: pytest.LogCaptureFixture, row: Row
) -> None:
    folder.settings(SETTINGS + row.settings)
    if row.userlist or row.module.startswith("om_"):
        userlist = Userlist.create(folder.path)
        userlist.add("jsmith", PASSWORD, **row.user)
        userlist.add("ann", PASSWORD)
        userlist.close()
    for name, text in row.files.items():
        path = folder.path / name
        path.write_text(text)
        path.chmod(0o666 if name == "open" else 0o600)
    folder.service("test", row.lines().replace("{folder}", str(folder.path)))
    peer = {"rhost": "192.0.2.7", "tls": True, **row.peer}
    name = peer.pop("login_name", "jsmith")
    with Authenticator(folder.config()) as auth:
        for _ in range(row.before):
            with pytest.raises(AuthenticationError):
                auth.authenticate("test", name, "wrong", **peer)
        caplog.clear()
        with pytest.raises(AuthenticationError) as raised:
            log_in(auth, row, name, peer)
    (record,) = audit_records(caplog)
    check(record, raised.value)
    step = [each for each in raised.value.trace if each.module == row.module][-1]
    assert (step.code, step.reason) == (row.code, row.reason)
    assert step.remark
    assert (record.module, record.reason) == (row.module, row.reason)
    assert record.entry == f"{step.file}:{step.line}"


@pytest.mark.parametrize("module", KINDS)
def test_each_row_is_one_that_the_module_declares(module: str) -> None:
    rows = {(row.reason, row.code) for row in ROWS if row.module == module}
    reasons = KINDS[module].reasons
    assert rows <= {(reason, code) for reason, codes in reasons.items() for code in codes}


# What no row can say


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (Operation.SETCRED, C.CRED_ERR),
        (Operation.OPEN_SESSION, C.SESSION_ERR),
        (Operation.CLOSE_SESSION, C.SESSION_ERR),
        (Operation.CHAUTHTOK, C.AUTHTOK_ERR),
    ],
    ids=str,
)
def test_pam_deny_refuses_each_operation(
    folder: ConfigFolder, operation: Operation, code: ReturnCode
) -> None:
    types = ("auth", "account", "session", "password")
    folder.service("test", "".join(f"{each} required pam_deny\n" for each in types))
    with Authenticator(folder.config()) as auth, auth.transaction("test", "jsmith") as transaction:
        assert getattr(transaction, str(operation))() is code
        (step,) = transaction.trace
    assert (step.code, step.reason) == (code, R.DENIED)


@pytest.mark.parametrize("line", [f"om_imap {IMAP}", "om_krb5"])
def test_a_module_that_judges_no_scram_says_so(folder: ConfigFolder, line: str) -> None:
    folder.settings(SETTINGS)
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", PASSWORD)
    userlist.close()
    stack = f"auth optional {line}\nauth required om_auth\naccount required pam_permit\n"
    folder.service("test", stack)
    with Authenticator(folder.config()) as auth, pytest.raises(AuthenticationError) as raised:
        run(auth.sasl("test", "SCRAM-SHA-256", tls=True), responses("SCRAM-SHA-256"))
    step = raised.value.trace[0]
    assert (step.module, step.code) == (line.split(maxsplit=1)[0], C.CRED_UNAVAIL)
    assert step.reason is R.CREDENTIAL_NOT_JUDGED


def test_pam_listfile_without_a_user_says_why(folder: ConfigFolder) -> None:
    (folder.path / "list").write_text("jsmith\n")
    line = f"pam_listfile item=user sense=allow file={folder.path}/list"
    folder.service("test", f"auth required {line}\n")

    def gone(_messages: object) -> list[str]:
        raise ConnectionResetError

    with (
        Authenticator(folder.config()) as auth,
        auth.transaction("test", conversation=gone) as transaction,
    ):
        assert transaction.authenticate() is C.SERVICE_ERR
        (step,) = transaction.trace
    assert step.reason is R.CONVERSATION_FAILED


def test_pam_listfile_takes_no_emptied_list_for_one(folder: ConfigFolder) -> None:
    file = folder.path / "list"
    file.write_text("jsmith\n")
    line = f"pam_listfile item=user sense=allow file={file}"
    folder.service("test", f"auth required pam_permit\naccount required {line}\n")
    with Authenticator(folder.config()) as auth:
        auth.authenticate("test", "jsmith", PASSWORD)
        file.write_text("")
        # Until the file has been looked at again, the list is what it was.
        end = time.monotonic() + patience(30)
        while time.monotonic() < end:
            try:
                auth.authenticate("test", "jsmith", PASSWORD)
            except TemporaryFailure as error:
                step = error.trace[-1]
                break
        else:
            pytest.fail("the list is still what it was")
    assert (step.module, step.code) == ("pam_listfile", C.AUTHINFO_UNAVAIL)
    assert step.reason is R.FILE_UNUSABLE


@pytest.mark.parametrize(
    ("meanwhile", "code"), [("changed", C.AUTHTOK_LOCK_BUSY), ("deleted", C.USER_UNKNOWN)]
)
def test_om_auth_writes_no_password_of_a_user_who_is_another_now(
    folder: ConfigFolder, meanwhile: str, code: ReturnCode
) -> None:
    """While the user thinks of a new password, another process writes the record."""
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", PASSWORD)
    folder.settings(SETTINGS)
    folder.service("test", "password required om_auth\n")

    def answer(messages: Sequence[Message]) -> list[str | None]:
        (message,) = messages
        if not isinstance(message, Question):
            return [None]
        if "Retype" in message.text and meanwhile == "deleted":
            userlist.store.delete(userlist.store.get("jsmith"))
        elif "Retype" in message.text:
            userlist.store.update(userlist.store.get("jsmith"), locked=True)
        return [PASSWORD if "Current" in message.text else "a violet anchor"]

    with (
        Authenticator(folder.config()) as auth,
        auth.transaction("test", "jsmith", conversation=answer) as transaction,
    ):
        assert transaction.chauthtok() is code
        step = transaction.trace[-1]
    assert (step.code, step.reason) == (code, R.CHANGED_MEANWHILE)
    if meanwhile == "changed":
        assert userlist.hasher.verify(PASSWORD, userlist.store.get("jsmith").password or "")
    userlist.close()
