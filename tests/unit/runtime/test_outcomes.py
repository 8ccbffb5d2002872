"""A whole login or change of password: which exception it ends with, in both ways in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.audit_records import audit_records
from ualauth.codes import UNCHECKED, Item, ReturnCode
from ualauth.contract.credentials import MAX_NAME_BYTES, MAX_PASSWORD_BYTES
from ualauth.errors import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    ConfigurationError,
    PasswordExpired,
    PasswordRefused,
    ServiceFileError,
    TemporaryFailure,
    UnknownService,
)
from ualauth.identity import Person
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.testing.folder import ConfigFolder

if TYPE_CHECKING:
    from tests.conftest import Way

SUCCESS = ReturnCode.SUCCESS
Kind = type[AuthenticationError]
OK = "auth required pam_permit\naccount required pam_permit\npassword required pam_permit\n"


def login_failure(folder: ConfigFolder, way: Way, text: str) -> AuthenticationError:
    """Return the exception that a login ends with; its type is exact."""
    folder.service("test", text)
    with pytest.raises(AuthenticationError) as raised:
        way.login(folder.config(), "test", "jsmith", "s3cret")
    return raised.value


def test_success_of_both_stacks_is_an_identity(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", OK)

    identity = way.login(folder.config(), "TEST", "jsmith", "s3cret", rhost="192.0.2.7", tls=True)

    assert (identity.service, identity.login_name, identity.user) == ("test", "jsmith", "jsmith")
    assert identity.person == Person("jsmith")
    assert identity.messages == ()


def expected_of_auth(code: ReturnCode) -> Kind:
    """Return the exception that an answer of auth stands for."""
    if code in UNCHECKED or code is ReturnCode.INCOMPLETE:
        return TemporaryFailure
    if code in (ReturnCode.NEW_AUTHTOK_REQD, ReturnCode.AUTHTOK_EXPIRED):
        return PasswordExpired
    return AuthenticationFailed


def expected_of_account(code: ReturnCode) -> Kind:
    """Return the exception that an answer of account stands for."""
    kind = expected_of_auth(code)
    return AccountRestricted if kind is AuthenticationFailed else kind


def expected_of_password(code: ReturnCode) -> Kind:
    """Return the exception that an answer of password stands for."""
    if code in UNCHECKED or code in (ReturnCode.INCOMPLETE, ReturnCode.AUTHTOK_LOCK_BUSY):
        return TemporaryFailure
    if code in (ReturnCode.AUTHTOK_ERR, ReturnCode.TRY_AGAIN):
        return PasswordRefused
    if code in (ReturnCode.PERM_DENIED, ReturnCode.ACCT_EXPIRED, ReturnCode.IGNORE):
        # A stack that every module ignores answers perm_denied.
        return AccountRestricted
    return AuthenticationFailed


REFUSALS = [code for code in ReturnCode if code is not SUCCESS]


def test_what_could_not_be_checked_is_written_down() -> None:
    words = {str(code) for code in UNCHECKED}

    assert words == {
        "open_err", "symbol_err", "service_err", "system_err", "buf_err", "authinfo_unavail",
        "abort", "module_unknown", "conv_err",
    }  # fmt: skip


@pytest.mark.parametrize("code", REFUSALS, ids=str)
def test_each_answer_of_auth_has_its_exception(
    code: ReturnCode,
    folder: ConfigFolder,
    way: Way,
) -> None:
    text = f"auth required pam_debug auth={code}\naccount required pam_permit\n"

    error = login_failure(folder, way, text)

    assert type(error) is expected_of_auth(code)
    assert error.code is (ReturnCode.PERM_DENIED if code is ReturnCode.IGNORE else code)
    assert str(error) == type(error).public_text


@pytest.mark.parametrize("code", REFUSALS, ids=str)
def test_each_answer_of_account_has_its_exception(
    code: ReturnCode,
    folder: ConfigFolder,
    way: Way,
) -> None:
    text = f"auth required pam_permit\naccount required pam_debug acct={code}\n"

    error = login_failure(folder, way, text)

    assert type(error) is expected_of_account(code)


@pytest.mark.parametrize("code", REFUSALS, ids=str)
@pytest.mark.parametrize("key", ["prechauthtok", "chauthtok"])
def test_each_answer_of_password_has_its_exception(
    key: str,
    code: ReturnCode,
    folder: ConfigFolder,
    way: Way,
) -> None:
    folder.service("test", f"password required pam_debug {key}={code}\n")

    with pytest.raises(AuthenticationError) as raised:
        way.change(folder.config(), "test", "jsmith", "old", "new")

    # Needing a new password is no reason to refuse one, but no success either.
    assert type(raised.value) is expected_of_password(code)


def test_a_change_of_password_that_succeeds_returns_nothing(
    folder: ConfigFolder,
    way: Way,
) -> None:
    folder.service("test", OK)

    assert way.change(folder.config(), "test", "jsmith", "old", "new") is None


# A module that could not check wins over one that refused; one that accepted, over both.
MIXED = [
    ("auth sufficient pam_debug auth=authinfo_unavail\nauth required pam_debug auth=auth_err\n",
     TemporaryFailure),
    ("auth required pam_debug auth=auth_err\nauth optional pam_debug auth=authinfo_unavail\n",
     TemporaryFailure),
    ("auth required pam_debug auth=auth_err\nauth required pam_debug auth=user_unknown\n",
     AuthenticationFailed),
    # The stack ended before the one that could not have checked.
    ("auth requisite pam_debug auth=auth_err\nauth required pam_debug auth=authinfo_unavail\n",
     AuthenticationFailed),
    ("auth sufficient pam_debug auth=authinfo_unavail\nauth required pam_permit\n", None),
    ("auth optional no_such_module\nauth required pam_permit\n", None),
    ("auth required no_such_module\nauth required pam_permit\n", TemporaryFailure),
    ("auth optional no_such_module\nauth required pam_deny\n", TemporaryFailure),
    ("auth required\n", TemporaryFailure),
    ("nonsense required pam_permit\nauth required pam_permit\n", TemporaryFailure),
    ("auth include nowhere\nauth required pam_permit\n", TemporaryFailure),
    ("auth required om_auth nonsense\n", TemporaryFailure),
    ("auth required pam_listfile nonsense=1\n", TemporaryFailure),
    ("auth requierd pam_permit\n", TemporaryFailure),
    ("auth required pam_debug auth=ignore\n", AuthenticationFailed),
    ("", AuthenticationFailed),
]  # fmt: skip


@pytest.mark.parametrize(("auth", "kind"), MIXED)
def test_could_not_check_wins_over_wrong(
    auth: str,
    kind: Kind | None,
    folder: ConfigFolder,
    way: Way,
) -> None:
    text = f"{auth}account required pam_permit\n"
    if kind is None:
        folder.service("test", text)
        assert way.login(folder.config(), "test", "jsmith", "s3cret").user == "jsmith"
    else:
        assert type(login_failure(folder, way, text)) is kind


@pytest.mark.parametrize(("account", "kind"), MIXED)
def test_could_not_check_wins_over_restricted(
    account: str,
    kind: Kind | None,
    folder: ConfigFolder,
    way: Way,
) -> None:
    replaced = account.replace("auth=", "acct=").replace("auth ", "account ")
    replaced = replaced.replace("nonsense required", "account required nonsense\n#")
    replaced = replaced.replace("om_account", "om_auth")
    text = f"auth required pam_permit\n{replaced}"
    if kind is None:
        folder.service("test", text)
        assert way.login(folder.config(), "test", "jsmith", "s3cret").user == "jsmith"
    else:
        kind = AccountRestricted if kind is AuthenticationFailed else kind
        assert type(login_failure(folder, way, text)) is kind


def test_what_auth_could_not_check_does_not_excuse_the_account(
    folder: ConfigFolder,
    way: Way,
) -> None:
    auth = "auth optional pam_debug auth=authinfo_unavail\nauth required pam_permit\n"

    refused = login_failure(folder, way, f"{auth}account required pam_debug acct=acct_expired\n")
    assert type(refused) is AccountRestricted
    assert type(login_failure(folder, way, auth)) is AccountRestricted


def test_what_the_first_pass_could_not_check_counts_for_a_change(
    folder: ConfigFolder,
    way: Way,
) -> None:
    folder.service(
        "test",
        "password sufficient pam_debug prechauthtok=success chauthtok=authinfo_unavail\n"
        "password required pam_debug chauthtok=authtok_err\n",
    )
    with pytest.raises(TemporaryFailure):
        way.change(folder.config(), "test", "jsmith", "old", "new")


def test_a_service_that_cannot_be_used_is_a_configuration_error(
    folder: ConfigFolder,
    way: Way,
) -> None:
    folder.service("broken", "auth required \\")
    for name, kind in (("broken", ServiceFileError), ("nowhere", UnknownService)):
        with pytest.raises(kind):
            way.login(folder.config(), name, "jsmith", "s3cret")
        with pytest.raises(kind):
            way.change(folder.config(), name, "jsmith", "old", "new")
        with pytest.raises(kind), way.begin(folder.config(), name, "jsmith", None):
            pass
        with pytest.raises(kind):
            way.run(way.authenticator(folder.config()).load(name))


def test_an_unknown_keyword_is_a_type_error(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", OK)
    with pytest.raises(TypeError, match="host"):
        way.login(folder.config(), "test", "jsmith", "s3cret", host="192.0.2.7")


class Forbidden(Module[Options]):
    """Fail the test if a module asks."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.remark("asked")
        return SUCCESS

    acct_mgmt = chauthtok = authenticate


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("", "s3cret"),
        ("a\0b", "s3cret"),
        ("x" * (MAX_NAME_BYTES + 1), "s3cret"),
        ("\udcff", "s3cret"),
        ("jsmith", "a\0b"),
        ("jsmith", "x" * (MAX_PASSWORD_BYTES + 1)),
        ("jsmith", "é" * (MAX_PASSWORD_BYTES // 2 + 1)),
        ("jsmith", "\ud800"),
    ],
    ids=range(8),
)
def test_texts_that_cannot_be_right_reach_no_module(
    user: str,
    password: str,
    folder: ConfigFolder,
    way: Way,
) -> None:
    folder.module("forbidden", Forbidden)
    folder.service("test", OK.replace("pam_permit", "forbidden"))

    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "test", user, password)
    with pytest.raises(AuthenticationFailed):
        way.change(folder.config(), "test", user, password, "new")
    with pytest.raises(AuthenticationFailed):
        way.change(folder.config(), "test", user, "old", password if user == "jsmith" else "n")


def test_the_longest_texts_are_taken(folder: ConfigFolder, way: Way) -> None:
    folder.service("test", OK)
    name, password = "x" * MAX_NAME_BYTES, "é" * (MAX_PASSWORD_BYTES // 2)

    assert way.login(folder.config(), "test", name, password).user == name
    assert way.login(folder.config(), "test", "jsmith", "").user == "jsmith"


class Speaking(Module[Options]):
    """Say something, and vouch for a user."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        from ualauth.messages import Error, Info

        await attempt.ask(Info("first"), Error("second"))
        attempt.set_item(Item.USER, "resolved")
        attempt.vouch(Person("resolved", addresses=("r@example.com",)))
        return SUCCESS if attempt.tls else ReturnCode.AUTH_ERR


def test_an_identity_tells_who_it_is_and_what_was_said(folder: ConfigFolder, way: Way) -> None:
    folder.module("speaking", Speaking)
    folder.service("test", "auth required speaking\naccount required pam_permit\n")

    identity = way.login(folder.config(), "test", "typed", "s3cret", tls=True)

    assert (identity.login_name, identity.user, identity.authid) == (
        "typed",
        "resolved",
        "resolved",
    )
    assert identity.addresses == ("r@example.com",)
    assert identity.messages == ("first", "second")


def test_a_refusal_tells_what_was_said(folder: ConfigFolder, way: Way) -> None:
    folder.module("speaking", Speaking)

    error = login_failure(folder, way, "auth required speaking\naccount required pam_permit\n")

    assert error.messages == ("first", "second")


def test_only_configuration_errors_come_before_a_login(folder: ConfigFolder) -> None:
    assert not issubclass(AuthenticationError, ConfigurationError)
    assert not issubclass(ConfigurationError, AuthenticationError)


class Talkative(Module[Options]):
    """Repeat what a server sent."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        attempt.remark("no\r\nmail: granted \x1b[2Jadmin\u2028x")
        return ReturnCode.AUTH_ERR


def test_a_remark_is_one_line_that_can_be_printed(
    folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    folder.module("talkative", Talkative)
    folder.service("test", "auth required talkative\n")
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "test", "jsmith", "s3cret")
    (record,) = audit_records(caplog)
    assert record.remark == "no\ufffd\ufffdmail: granted \ufffd[2Jadmin\ufffdx"
    (line,) = [each.getMessage() for each in caplog.records if each.name == "ualauth.audit"]
    assert line.isprintable()
    assert line.isascii()
    assert line.endswith(" rhost=-")
