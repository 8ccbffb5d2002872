"""Shipped modules are made to refuse for the reasons and codes that they declare.

What needs a server, a host's PAM or a race is tested with the module. `tests/declared_reasons.py`
sees to it that a whole run of the tests leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.audit_records import audit_records
from tests.unit.runtime.test_every_refusal import KINDS, PASSWORD, check, responses, run
from ualauth import AuthenticationError, Authenticator
from ualauth.codes import ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

R, C = ReasonCode, ReturnCode
PAST, FUTURE = datetime(2001, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)
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
    om_auth(R.PASSWORD_EXPIRED, C.NEW_AUTHTOK_REQD, account=True,
            user={"password_expires": PAST},
            settings="[password]\nmaximum_age_days = 1\ninactive_days = 0\n"),
    om_auth(R.PASSWORD_MUST_CHANGE, C.NEW_AUTHTOK_REQD, account=True,
            user={"must_change_password": True}),
    om_auth(R.USER_UNKNOWN, C.USER_UNKNOWN, account=True, peer={"login_name": "stranger"}),
    om_auth(R.USER_UNKNOWN, C.USER_UNKNOWN, peer={"login_name": "stranger"}),
    om_auth(R.PASSWORD_UNSUITABLE, C.AUTHTOK_ERR, new="x"),
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
        run(exchange, responses(row.mechanism))
    elif row.new is not None:
        auth.change_password("test", name, row.password, row.new, **peer)
    else:
        auth.authenticate("test", name, row.password, **peer)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_module_refuses_for_its_reason(
    folder: ConfigFolder, caplog: pytest.LogCaptureFixture, row: Row
) -> None:
    folder.settings(SETTINGS + row.settings)
    if row.module.startswith("om_"):
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
