"""What all modules have in common that count guesses: who is locked out, and who has to wait.

No server is asked: both come before.
"""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import urlsafe_b64encode
from contextlib import closing

import pytest

from tests.audit_records import audit_records
from tests.unit.runtime.test_every_refusal import KINDS, PASSWORD, check
from ualauth import AuthenticationError, Authenticator
from ualauth.codes import ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist import guesses

RHOST = "192.0.2.7"
USER = "jsmith@example.com"
OF_THE_DATABASE = "another-battery-staple"
LINES = {
    "om_auth": "om_auth",
    "om_imap": "om_imap host=127.0.0.1:9 tls=none",
    "om_krb5": "om_krb5",
    "om_ldap": "om_ldap",
    "om_oauth": "om_oauth issuer=https://issuer.example audience=mail keys={folder}/keys.json",
    "om_sql": "om_sql",
}
"""Module -> its entry."""
FILES = {
    "om_ldap.conf": "uri ldap://127.0.0.1:9\nbase dc=example,dc=com\n",
    "om_sql.conf": "url sqlite:///{folder}/mail.db\n"
    "query SELECT name AS user, password FROM mailbox WHERE name = {user}\n",
    # RFC 7515, appendix A.3.1
    "keys.json": '{"keys": [{"kty": "EC", "crv": "P-256", '
    '"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", '
    '"y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}',
}
SETTINGS = """\
[stack]
fail_delay = false
[lockout]
failures = 2
failure_delay = 0
[password]
argon2_memory = 8
argon2_passes = 1
argon2_lanes = 1
[sasl]
mechanisms = ["PLAIN", "XOAUTH2"]
"""


@pytest.fixture
def auth(folder: ConfigFolder) -> Authenticator:
    """Return what has a service for each module, and one in which passwords are guessed."""
    folder.settings(SETTINGS)
    userlist = Userlist.create(folder.path)
    userlist.add("jsmith", PASSWORD, addresses=(USER,))
    userlist.close()
    with closing(sqlite3.connect(folder.path / "mail.db")) as connection, connection:
        connection.execute("CREATE TABLE mailbox (name, password)")
        connection.execute(
            "INSERT INTO mailbox VALUES ('jsmith', ?)", [f"{{PLAIN}}{OF_THE_DATABASE}"]
        )
    for name, text in FILES.items():
        path = folder.path / name
        path.write_text(text.replace("{folder}", str(folder.path)))
        path.chmod(0o600)
    for name, entry in LINES.items():
        line = entry.replace("{folder}", str(folder.path))
        folder.service(name, f"auth required {line}\naccount required pam_permit\n")
    return Authenticator(folder.config())


def token() -> str:
    """Return a token that no issuer has signed."""
    claims = {"iss": "https://issuer.example", "aud": "mail", "email": USER, "sub": "4711"}
    claims |= {"email_verified": True, "exp": int(time.time()) + 3600}
    parts = ({"alg": "ES256", "typ": "JWT"}, claims, {})
    return ".".join(
        urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


def log_in(auth: Authenticator, module: str, password: str = PASSWORD) -> None:
    if module == "om_oauth":
        exchange = auth.sasl(module, "XOAUTH2", rhost=RHOST, tls=True)
        message = f"user={USER}\1auth=Bearer {token()}\1\1"
        if exchange.step(message.encode()) is not None:
            # The client has read why, and gives up.
            exchange.step(b"")
    else:
        auth.authenticate(module, USER, password, rhost=RHOST, tls=True)


def refusal(
    auth: Authenticator, module: str, caplog: pytest.LogCaptureFixture
) -> tuple[ReasonCode | None, ReturnCode]:
    """Return why an entry refuses, and with which code."""
    caplog.clear()
    with auth, pytest.raises(AuthenticationError) as raised:
        log_in(auth, module)
    (record,) = audit_records(caplog)
    check(record, raised.value)
    (step,) = raised.value.trace
    assert (step.module, record.reason) == (module, step.reason)
    return step.reason, step.code


def test_each_module_that_counts_guesses_is_here() -> None:
    assert LINES.keys() == {
        name for name, kind in KINDS.items() if ReasonCode.OVERLOADED in kind.reasons
    }


@pytest.mark.parametrize("module", LINES)
def test_a_name_that_is_locked_out_is_refused(
    auth: Authenticator, caplog: pytest.LogCaptureFixture, module: str
) -> None:
    # A token is refused whatever password was tried before.
    guessed = module if module == "om_oauth" else "om_auth"
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            log_in(auth, guessed, "wrong")
    refused = refusal(auth, module, caplog)
    assert refused == (ReasonCode.LOCKED_OUT, ReturnCode.PERM_DENIED)


@pytest.mark.parametrize("module", LINES)
def test_a_guess_for_which_there_is_no_place_could_not_be_checked(
    auth: Authenticator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
) -> None:
    monkeypatch.setattr(guesses, "_MOST_WAITING", 0)
    refused = refusal(auth, module, caplog)
    assert refused == (ReasonCode.OVERLOADED, ReturnCode.AUTHINFO_UNAVAIL)


@pytest.mark.parametrize("first", sorted(LINES.keys() - {"om_oauth"}))
def test_a_name_that_is_locked_out_at_one_entry_is_so_at_the_next(
    folder: ConfigFolder, auth: Authenticator, first: str
) -> None:
    # The database has the password that is given: it must not be asked.
    stack = f"auth sufficient {LINES[first]}\nauth required om_sql\naccount required pam_permit\n"
    folder.service("both", stack)
    with auth:
        assert auth.authenticate("both", USER, OF_THE_DATABASE, rhost=RHOST).user == "jsmith"
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                log_in(auth, "om_auth", "wrong")
        for _ in range(2):
            with pytest.raises(AuthenticationError) as raised:
                auth.authenticate("both", USER, OF_THE_DATABASE, rhost=RHOST)
            assert [each.module for each in raised.value.trace] == [first, "om_sql"]
            for step in raised.value.trace:
                assert (step.reason, step.code) == (ReasonCode.LOCKED_OUT, ReturnCode.PERM_DENIED)
        assert auth.authenticate("both", USER, OF_THE_DATABASE, rhost="198.51.100.9").user
