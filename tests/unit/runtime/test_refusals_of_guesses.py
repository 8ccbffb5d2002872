"""What all modules have in common that count guesses: who is locked out, and who has to wait.

No server is asked: both come before.
"""

from __future__ import annotations

import pytest

from tests.audit_records import audit_records
from tests.unit.runtime.guessing import LINES, OF_THE_DATABASE, RHOST, USER, log_in, write_services
from tests.unit.runtime.test_every_refusal import KINDS, check
from ualauth import AuthenticationError, Authenticator
from ualauth.codes import ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist import guesses


@pytest.fixture
def auth(folder: ConfigFolder) -> Authenticator:
    """Return what has a service for each module."""
    write_services(folder)
    return Authenticator(folder.config())


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
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            log_in(auth, "om_auth", "wrong")
    refused = refusal(auth, module, caplog)
    assert refused == (ReasonCode.LOCKED_OUT, ReturnCode.PERM_DENIED)


@pytest.mark.parametrize("module", sorted(LINES.keys() - {"om_auth", "om_oauth"}))
def test_a_lock_of_another_name_looks_like_a_wrong_password_at_each_entry(
    folder: ConfigFolder, auth: Authenticator, module: str
) -> None:
    folder.service(
        "both",
        f"auth sufficient om_auth\nauth required {LINES[module]}\naccount required pam_permit\n",
    )
    with auth:
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                auth.authenticate("om_auth", "jsmith", "wrong", rhost=RHOST)
        for password in (OF_THE_DATABASE, "wrong"):
            with pytest.raises(AuthenticationError) as raised:
                auth.authenticate("both", USER, password, rhost=RHOST)
            assert raised.value.code is ReturnCode.AUTH_ERR
            assert not raised.value.messages
            for step in raised.value.trace:
                assert (step.reason, step.code) == (ReasonCode.LOCKED_OUT, ReturnCode.AUTH_ERR)


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
