"""om_auth, who a user is."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from tests.unit.om_auth.conftest import costs
from ualauth.codes import Flag, Item, ReturnCode
from ualauth.messages import ConversationAgain
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.userlist import Userlist

LDAP = "{SHA}" + b64encode(hashlib.sha1(b"s3cret").digest()).decode()


def ask(attempt: FakeAttempt, **options: bool) -> ReturnCode:
    return attempt.code_of(OmAuth(Options(**options)).authenticate(attempt))


@pytest.mark.parametrize("name", ["jsmith", "JSmith", "john@example.com", "JOHN@EXAMPLE.COM"])
def test_the_right_password_lets_in_under_every_name(userlist: Userlist, name: str) -> None:
    attempt = FakeAttempt(name, password="s3cret", **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.SUCCESS
    assert attempt.user == "jsmith"
    assert attempt.person is not None
    assert attempt.person.authid == "jsmith"
    assert attempt.person.addresses == ("john@example.com",)
    assert attempt.person.administrator


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("jsmith", "S3cret", ReturnCode.AUTH_ERR),
        ("jsmith", "s3cret ", ReturnCode.AUTH_ERR),
        ("jsmith", "", ReturnCode.AUTH_ERR),
        ("nobody", "s3cret", ReturnCode.USER_UNKNOWN),
        ("", "s3cret", ReturnCode.USER_UNKNOWN),
        ("blank", "s3cret", ReturnCode.AUTH_ERR),
        ("blank", "", ReturnCode.AUTH_ERR),
    ],
)
def test_everything_else_is_refused_and_costs_one_verification(
    userlist: Userlist, name: str, password: str, code: ReturnCode
) -> None:
    attempt = FakeAttempt(name, password=password, **userlist.behind_attempt())
    assert ask(attempt) is code
    assert attempt.person is None
    assert costs(userlist) == 1


def test_a_locked_user_is_recognized_here_and_refused_by_the_account_stack(
    userlist: Userlist,
) -> None:
    attempt = FakeAttempt("locked", password="s3cret", **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.SUCCESS


def test_nullok_lets_in_without_a_password(userlist: Userlist) -> None:
    attempt = FakeAttempt("blank", password="", **userlist.behind_attempt())
    assert ask(attempt, nullok=True) is ReturnCode.SUCCESS


@pytest.mark.parametrize(("name", "password"), [("blank", "x"), ("jsmith", ""), ("nobody", "")])
def test_nullok_is_about_users_without_a_password_only(
    userlist: Userlist, name: str, password: str
) -> None:
    attempt = FakeAttempt(name, password=password, **userlist.behind_attempt())
    assert ask(attempt, nullok=True) is not ReturnCode.SUCCESS


def test_an_application_can_forbid_empty_passwords(userlist: Userlist) -> None:
    attempt = FakeAttempt("blank", password="", **userlist.behind_attempt())
    attempt.flags = Flag.DISALLOW_NULL_AUTHTOK
    assert ask(attempt, nullok=True) is ReturnCode.AUTH_ERR


def test_an_empty_password_never_matches_the_hash_of_one(userlist: Userlist) -> None:
    userlist.add("empty", "")
    attempt = FakeAttempt("empty", password="", **userlist.behind_attempt())
    assert ask(attempt, nullok=True) is ReturnCode.AUTH_ERR


def test_an_outdated_hash_is_rewritten_by_a_login(userlist: Userlist) -> None:
    user = userlist.add("imported")
    userlist.store.set_password(user, LDAP, (), changed=user.created, expires=None)
    attempt = FakeAttempt("imported", password="s3cret", **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.SUCCESS
    stored = userlist.store.get("imported").password
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert userlist.hasher.verify("s3cret", stored)


def test_a_wrong_password_costs_the_same_under_an_outdated_scheme(userlist: Userlist) -> None:
    user = userlist.add("imported")
    userlist.store.set_password(user, LDAP, (), changed=user.created, expires=None)
    attempt = FakeAttempt("imported", password="wrong", **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.AUTH_ERR
    assert costs(userlist) == 1
    assert userlist.store.get("imported").password == LDAP


def test_an_entry_that_is_locked_by_its_hash_costs_the_same(userlist: Userlist) -> None:
    user = userlist.add("barred")
    userlist.store.set_password(user, "!", (), changed=user.created, expires=None)
    attempt = FakeAttempt("barred", password="s3cret", **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.AUTH_ERR
    assert costs(userlist) == 1


def test_a_stored_value_that_no_scheme_knows_says_nothing_about_the_password(
    userlist: Userlist,
) -> None:
    user = userlist.add("odd")
    userlist.store.set_password(user, "{NEVER}abc", (), changed=user.created, expires=None)
    attempt = FakeAttempt("odd", password="s3cret", **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.AUTHINFO_UNAVAIL


def test_a_password_from_an_earlier_module_is_used(userlist: Userlist) -> None:
    conversation = ScriptedConversation()
    attempt = FakeAttempt("jsmith", conversation=conversation, **userlist.behind_attempt())
    attempt.set_item(Item.AUTHTOK, "s3cret")
    assert ask(attempt) is ReturnCode.SUCCESS
    assert conversation.questions == []


def test_without_try_first_pass_a_wrong_earlier_password_is_final(userlist: Userlist) -> None:
    conversation = ScriptedConversation("s3cret")
    attempt = FakeAttempt("jsmith", conversation=conversation, **userlist.behind_attempt())
    attempt.set_item(Item.AUTHTOK, "wrong")
    assert ask(attempt) is ReturnCode.AUTH_ERR
    assert conversation.questions == []


def test_try_first_pass_asks_when_the_earlier_password_is_wrong(userlist: Userlist) -> None:
    conversation = ScriptedConversation("s3cret")
    attempt = FakeAttempt("jsmith", conversation=conversation, **userlist.behind_attempt())
    attempt.set_item(Item.AUTHTOK, "wrong")
    assert ask(attempt, try_first_pass=True) is ReturnCode.SUCCESS
    assert conversation.questions == ["Password: "]


def test_use_first_pass_never_asks(userlist: Userlist) -> None:
    conversation = ScriptedConversation("s3cret")
    attempt = FakeAttempt("jsmith", conversation=conversation, **userlist.behind_attempt())
    assert ask(attempt, use_first_pass=True) is ReturnCode.AUTH_ERR
    assert conversation.questions == []


def test_who_has_not_answered_yet_is_asked_again(userlist: Userlist) -> None:
    conversation = ScriptedConversation(ConversationAgain, "s3cret")
    attempt = FakeAttempt("jsmith", conversation=conversation, **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.INCOMPLETE
    assert ask(attempt) is ReturnCode.SUCCESS
