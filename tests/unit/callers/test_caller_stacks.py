"""Stacks that go by the caller, the shipped ones and others, in both ways in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.audit_records import audit_records
from tests.unit.callers.conftest import (
    BOSS,
    EXPIRED,
    EXPIRING,
    LOCKED,
    ROOT,
    STRANGER,
    USER,
    Install,
)
from ualauth.audit import Outcome
from ualauth.codes import Operation, ReturnCode
from ualauth.errors import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    TemporaryFailure,
)
from ualauth.reasons import ReasonCode
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

if TYPE_CHECKING:
    from tests.conftest import Way

SUCCESS = ReturnCode.SUCCESS
DENIED = ReturnCode.PERM_DENIED
USUAL = (Operation.AUTHENTICATE, Operation.SETCRED, Operation.ACCT_MGMT)


def codes(
    way: Way,
    folder: ConfigFolder,
    service: str,
    *operations: Operation,
    user: str | None = None,
    answers: tuple[str, ...] = (),
    **peer: Any,
) -> list[ReturnCode]:
    """Return what the operations of one transaction answer."""
    person = ScriptedConversation(*answers)
    with way.begin(folder.config(), service, user, person, **peer) as transaction:
        return [way.perform(transaction, operation) for operation in operations or USUAL]


def spoil(folder: ConfigFolder, userlist: Userlist) -> None:
    """Make the USERLIST unreadable."""
    userlist.close()
    for file in folder.path.glob("userlist.db*"):
        file.write_bytes(b"no database" * 100)


# The shipped example for administrators


@pytest.mark.parametrize("name", ["boss", "BOSS", "boss@example.com"])
def test_an_administrator_gets_in_without_a_password(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, name: str
) -> None:
    install("administrators")
    identity = way.login(folder.config(), "administrators", name, "", caller_uid=BOSS)
    assert identity.user == identity.authid == "boss"
    assert identity.person.administrator
    assert identity.addresses == ("boss@example.com",)


@pytest.mark.parametrize(("uid", "authid"), [(BOSS, "boss"), (EXPIRING, "going")])
def test_an_administrator_needs_no_name(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, uid: int, authid: str
) -> None:
    install("administrators")
    person = ScriptedConversation()
    operations = [*USUAL, Operation.OPEN_SESSION, Operation.CLOSE_SESSION]
    with way.begin(folder.config(), "administrators", None, person, caller_uid=uid) as transaction:
        assert [way.perform(transaction, each) for each in operations] == [SUCCESS] * 5
        assert transaction.person is not None
        assert transaction.person.authid == authid
        assert way.perform(transaction, Operation.CHAUTHTOK) is not SUCCESS
    assert not person.messages


@pytest.mark.parametrize("name", ["boss", "jsmith", "locked", "gone", "root", "nobody"])
@pytest.mark.parametrize("uid", [USER, LOCKED, EXPIRED, STRANGER, ROOT, None])
def test_no_other_caller_gets_in_under_any_name(
    way: Way,
    folder: ConfigFolder,
    userlist: Userlist,
    install: Install,
    uid: int | None,
    name: str,
) -> None:
    install("administrators")
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "administrators", name, "s3cret", caller_uid=uid)


@pytest.mark.parametrize("uid", [USER, LOCKED, EXPIRED, STRANGER, ROOT, None])
def test_after_a_refusal_no_operation_succeeds(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, uid: int | None
) -> None:
    install("administrators")
    answers = codes(way, folder, "administrators", *USUAL, Operation.CHAUTHTOK, caller_uid=uid)
    assert uid == ROOT or SUCCESS not in answers
    # root may administer, but is no user here.
    assert uid != ROOT or [answer is SUCCESS for answer in answers] == [False, False, True, False]


@pytest.mark.parametrize("name", ["jsmith", "john@example.com", "going"])
def test_an_administrator_does_not_become_another_user(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, name: str
) -> None:
    install("administrators")
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "administrators", name, "s3cret", caller_uid=BOSS)


def test_who_is_locked_after_authenticate_is_refused_by_the_account_stack(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install
) -> None:
    install("administrators")
    with way.begin(folder.config(), "administrators", None, None, caller_uid=BOSS) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is SUCCESS
        userlist.store.update(userlist.store.get("boss"), locked=True)
        assert way.perform(transaction, Operation.ACCT_MGMT) is DENIED


@pytest.mark.parametrize("damaged", [False, True])
def test_a_userlist_that_cannot_be_read_is_a_temporary_failure(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, damaged: bool
) -> None:
    install("administrators")
    spoil(folder, userlist)
    if not damaged:
        for file in folder.path.glob("userlist.db*"):
            file.unlink()
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "administrators", "boss", "", caller_uid=BOSS)
    answers = codes(way, folder, "administrators", caller_uid=BOSS)
    assert answers[0] is answers[2] is ReturnCode.AUTHINFO_UNAVAIL
    assert SUCCESS not in answers


# The shipped example for diagnostics


@pytest.mark.parametrize("service", ["omqdump", "omcontain"])
def test_root_may_use_the_diagnostic_tools_even_without_a_userlist(
    way: Way, folder: ConfigFolder, install: Install, service: str
) -> None:
    install("diagnostics", "omqdump", "omcontain")
    operations = (*USUAL, Operation.OPEN_SESSION, Operation.CHAUTHTOK)
    answers = codes(way, folder, service, *operations, caller_uid=ROOT)
    assert answers[:4] == [SUCCESS] * 4
    assert answers[4] is not SUCCESS
    assert codes(way, folder, service.upper(), caller_uid=ROOT) == [SUCCESS] * 3


@pytest.mark.parametrize("uid", [BOSS, USER, STRANGER, 2**32 - 1, None])
def test_no_other_caller_may_use_the_diagnostic_tools(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, uid: int | None
) -> None:
    install("diagnostics", "omqdump")
    assert codes(way, folder, "omqdump", user="root", caller_uid=uid) == [DENIED] * 3


def test_the_diagnostic_tools_open_no_other_service(
    way: Way, folder: ConfigFolder, install: Install
) -> None:
    install("diagnostics", "omqdump", "pop3", "other")
    folder.service("imap", "auth include omqdump\naccount substack omqdump")
    for service in ("pop3", "imap", "anything"):
        assert codes(way, folder, service, caller_uid=ROOT) == [DENIED] * 3


# The shipped example that hands the authid to other modules


@pytest.mark.parametrize("name", ["jsmith", "JSMITH", "john@example.com", "S=jsmith"])
def test_a_known_name_gets_in_by_its_password(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, name: str
) -> None:
    install("authid-for-other-modules")
    service = "authid-for-other-modules"
    assert way.login(folder.config(), service, name, "s3cret").user == "jsmith"
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), service, name, "wrong")
    way.change(folder.config(), service, name, "s3cret", "violet 7 anchor")
    assert way.login(folder.config(), service, name, "violet 7 anchor").authid == "jsmith"
    answers = codes(way, folder, service, *USUAL, user=name, answers=("violet 7 anchor",))
    assert answers == [SUCCESS] * 3


@pytest.mark.parametrize(
    ("name", "error"),
    [("nobody", AuthenticationFailed), ("locked", AccountRestricted)],
)
def test_unknown_and_locked_names_do_not(
    way: Way,
    folder: ConfigFolder,
    userlist: Userlist,
    install: Install,
    name: str,
    error: type[AuthenticationError],
) -> None:
    install("authid-for-other-modules")
    with pytest.raises(error):
        way.login(folder.config(), "authid-for-other-modules", name, "s3cret")


def test_no_name_passes_while_the_userlist_cannot_be_read(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install
) -> None:
    install("authid-for-other-modules")
    spoil(folder, userlist)
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "authid-for-other-modules", "jsmith", "s3cret")


@pytest.mark.parametrize("control", ["required", "requisite", "sufficient", "optional"])
@pytest.mark.parametrize("option", ["", "ignore_unknown_user"])
@pytest.mark.parametrize("name", ["jsmith", "nobody"])
def test_a_name_alone_lets_no_user_in(
    way: Way, folder: ConfigFolder, userlist: Userlist, control: str, option: str, name: str
) -> None:
    folder.service(
        "named",
        "".join(
            f"{kind} {control} om_om2authid {option}\n" for kind in ("auth", "account", "password")
        ),
    )
    operations = (*USUAL, Operation.CHAUTHTOK)
    new = "violet 7 anchor"
    answers = codes(way, folder, "named", *operations, user=name, answers=("s3cret", new, new))
    assert SUCCESS not in answers


# Other stacks


OWN_UID = """
    auth     sufficient  om_unix2om
    auth     required    om_auth
    account  required    om_auth
"""


def test_the_uid_may_stand_for_the_password_of_its_own_user_only(
    way: Way, folder: ConfigFolder, userlist: Userlist
) -> None:
    folder.service("club", OWN_UID)

    def login(name: str, password: str, uid: int | None) -> str:
        return way.login(folder.config(), "club", name, password, caller_uid=uid).authid

    assert login("john@example.com", "", USER) == "jsmith"
    assert login("boss", "s3cret", USER) == "boss"
    assert login("jsmith", "s3cret", None) == "jsmith"
    for name, password, uid in (
        ("boss", "", USER),
        ("boss", "wrong", USER),
        ("jsmith", "", None),
        ("jsmith", "", STRANGER),
        ("jsmith", "", ROOT),
    ):
        with pytest.raises(AuthenticationFailed):
            login(name, password, uid)
    with pytest.raises(AccountRestricted):
        login("locked", "", LOCKED)
    with pytest.raises(AccountRestricted):
        login("gone", "", EXPIRED)


def test_who_has_no_uid_of_a_user_is_asked_for_name_and_password(
    way: Way, folder: ConfigFolder, userlist: Userlist
) -> None:
    folder.service("club", OWN_UID)
    person = ScriptedConversation("boss", "s3cret")
    with way.begin(folder.config(), "club", None, person, caller_uid=STRANGER) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is SUCCESS
        assert transaction.person is not None
        assert transaction.person.authid == "boss"
    assert person.questions == ["login:", "Password: "]


def test_an_administrator_may_act_for_every_user_where_om_admin_is_enough(
    way: Way, folder: ConfigFolder, userlist: Userlist
) -> None:
    folder.service(
        "act-for",
        """
        auth     sufficient  om_admin
        auth     required    om_auth
        account  required    om_auth
        """,
    )

    def login(uid: int | None, name: str, password: str = "") -> str:
        return way.login(folder.config(), "act-for", name, password, caller_uid=uid).authid

    assert login(BOSS, "john@example.com") == "jsmith"
    assert login(ROOT, "jsmith") == "jsmith"
    assert login(USER, "boss", "s3cret") == "boss"
    for uid in (USER, LOCKED, EXPIRED, STRANGER, None):
        with pytest.raises(AuthenticationFailed):
            login(uid, "boss")
    with pytest.raises(AccountRestricted):
        login(BOSS, "nobody")


@pytest.mark.parametrize("uid", ["1000", True, False, 0.0, 1000.0])
def test_a_uid_that_is_no_number_is_a_mistake_of_the_application(
    way: Way, folder: ConfigFolder, userlist: Userlist, install: Install, uid: Any
) -> None:
    install("diagnostics", "omqdump")
    with pytest.raises(TypeError, match="caller_uid takes a number, or None"):
        way.login(folder.config(), "omqdump", "root", "", caller_uid=uid)


def test_the_audit_names_the_caller(
    way: Way,
    folder: ConfigFolder,
    userlist: Userlist,
    install: Install,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install("administrators")
    with caplog.at_level(logging.INFO, "ualauth.audit"):
        codes(way, folder, "administrators", Operation.AUTHENTICATE, caller_uid=BOSS)
        codes(way, folder, "administrators", Operation.AUTHENTICATE, caller_uid=LOCKED)
        codes(way, folder, "administrators", Operation.AUTHENTICATE, user="jsmith")
        codes(way, folder, "administrators", Operation.ACCT_MGMT, caller_uid=ROOT)
    granted, refused, unnamed, root = audit_records(caplog)
    assert (granted.outcome, granted.operation) == (Outcome.GRANTED, Operation.AUTHENTICATE)
    assert (granted.login_name, granted.user, granted.caller_uid) == (None, "boss", BOSS)
    assert (refused.login_name, refused.user, refused.caller_uid) == (None, "locked", LOCKED)
    assert (refused.module, refused.code) == ("om_admin", ReturnCode.PERM_DENIED)
    assert refused.reason is ReasonCode.CALLER_NOT_ALLOWED
    assert refused.remark == "locked calls, an administrator whose account is locked"
    assert refused.remarks == (("om_unix2om:12", "locked calls"),)
    assert (unnamed.login_name, unnamed.module) == ("jsmith", "om_unix2om")
    assert unnamed.code is ReturnCode.PERM_DENIED
    assert (root.outcome, root.user, root.caller_uid) == (Outcome.GRANTED, None, ROOT)
