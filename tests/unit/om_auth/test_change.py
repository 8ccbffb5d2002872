"""om_auth, changing a password."""

from __future__ import annotations

import pytest

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.passwords.scram import MECHANISMS, verifies
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.userlist import Userlist


def change(
    userlist: Userlist,
    name: str,
    *answers: str,
    passes: tuple[Flag, ...] = (Flag.PRELIM_CHECK, Flag.UPDATE_AUTHTOK),
    flags: int = 0,
    **options: bool,
) -> tuple[list[ReturnCode], FakeAttempt, ScriptedConversation]:
    """Run the passes until one fails, as a stack with one entry would."""
    conversation = ScriptedConversation(*answers)
    attempt = FakeAttempt(
        name,
        operation=Operation.CHAUTHTOK,
        conversation=conversation,
        **userlist.behind_attempt(),
    )
    module = OmAuth(Options(**options))
    codes: list[ReturnCode] = []
    for each in passes:
        attempt.flags = each | flags
        codes.append(attempt.code_of(module.chauthtok(attempt)))
        if codes[-1] is not ReturnCode.SUCCESS:
            break
    return codes, attempt, conversation


def after_the_first_pass(userlist: Userlist) -> tuple[OmAuth, FakeAttempt]:
    """Begin a change of jsmith's password, whose old one was verified."""
    module = OmAuth(Options())
    attempt = FakeAttempt(
        "jsmith",
        operation=Operation.CHAUTHTOK,
        flags=Flag.PRELIM_CHECK,
        conversation=ScriptedConversation("s3cret", "violet 7 anchor", "violet 7 anchor"),
        **userlist.behind_attempt(),
    )
    assert attempt.code_of(module.chauthtok(attempt)) is ReturnCode.SUCCESS
    return module, attempt


def password_is(userlist: Userlist, name: str, password: str) -> bool:
    stored = userlist.store.get(name).password
    return stored is not None and userlist.hasher.verify(password, stored)


def test_the_old_password_and_two_new_ones_change_it(userlist: Userlist) -> None:
    codes, _, conversation = change(userlist, "old", "s3cret", "violet 7 anchor", "violet 7 anchor")
    assert codes == [ReturnCode.SUCCESS, ReturnCode.SUCCESS]
    assert conversation.questions == [
        "Current password: ",
        "New password: ",
        "Retype new password: ",
    ]
    assert password_is(userlist, "old", "violet 7 anchor")
    assert userlist.store.get("old").password_expires is None


def test_all_secrets_are_written_with_the_password(userlist: Userlist) -> None:
    change(userlist, "jsmith", "s3cret", "violet 7 anchor", "violet 7 anchor")
    secrets = userlist.store.secrets(userlist.store.get("jsmith"))
    assert {each.mechanism for each in secrets} == set(MECHANISMS)
    assert all(verifies(each, "violet 7 anchor") for each in secrets)


@pytest.mark.parametrize(
    ("name", "answers", "code"),
    [
        ("jsmith", ("wrong", "violet 7 anchor", "violet 7 anchor"), ReturnCode.AUTH_ERR),
        ("nobody", ("s3cret", "violet 7 anchor", "violet 7 anchor"), ReturnCode.USER_UNKNOWN),
        ("locked", ("s3cret", "violet 7 anchor", "violet 7 anchor"), ReturnCode.PERM_DENIED),
        ("gone", ("s3cret", "violet 7 anchor", "violet 7 anchor"), ReturnCode.ACCT_EXPIRED),
        ("blank", ("", "violet 7 anchor", "violet 7 anchor"), ReturnCode.AUTH_ERR),
        ("jsmith", (), ReturnCode.AUTHTOK_ERR),
        ("jsmith", ("s3cret", "violet 7 anchor", "different"), ReturnCode.TRY_AGAIN),
        ("jsmith", ("s3cret", "", ""), ReturnCode.AUTHTOK_ERR),
        ("jsmith", ("s3cret", "s3cret", "s3cret"), ReturnCode.AUTHTOK_ERR),
        ("jsmith", ("s3cret", "a\x07b", "a\x07b"), ReturnCode.AUTHTOK_ERR),
        ("jsmith", ("s3cret", "x" * 1025, "x" * 1025), ReturnCode.AUTHTOK_ERR),
    ],
)
def test_everything_else_changes_nothing(
    userlist: Userlist, name: str, answers: tuple[str, ...], code: ReturnCode
) -> None:
    before = list(userlist.store.users())
    codes, _, _ = change(userlist, name, *answers)
    assert codes[-1] is code
    assert list(userlist.store.users()) == before


def test_a_wrong_old_password_is_found_before_the_new_one_is_asked_for(userlist: Userlist) -> None:
    _, _, conversation = change(userlist, "jsmith", "wrong", "violet 7 anchor", "violet 7 anchor")
    assert conversation.questions == ["Current password: "]


def test_a_second_pass_without_a_first_verifies_the_old_password_itself(
    userlist: Userlist,
) -> None:
    codes, _, _ = change(
        userlist,
        "jsmith",
        "wrong",
        "violet 7 anchor",
        "violet 7 anchor",
        passes=(Flag.UPDATE_AUTHTOK,),
    )
    assert codes == [ReturnCode.AUTH_ERR]
    assert password_is(userlist, "jsmith", "s3cret")


def test_the_second_pass_trusts_the_first_for_the_same_user_only(userlist: Userlist) -> None:
    module, attempt = after_the_first_pass(userlist)
    attempt.set_item(Item.USER, "going")
    attempt.set_item(Item.OLDAUTHTOK, None)
    attempt.flags = Flag.UPDATE_AUTHTOK
    assert attempt.code_of(module.chauthtok(attempt)) is ReturnCode.AUTH_ERR
    assert password_is(userlist, "going", "s3cret")


def test_a_change_by_another_program_in_between_is_not_overwritten(userlist: Userlist) -> None:
    module, attempt = after_the_first_pass(userlist)
    userlist.store.update(userlist.store.get("jsmith"), locked=True)
    attempt.flags = Flag.UPDATE_AUTHTOK
    assert attempt.code_of(module.chauthtok(attempt)) is ReturnCode.AUTHTOK_LOCK_BUSY
    assert password_is(userlist, "jsmith", "s3cret")


def test_only_expired_passwords_change_if_that_is_asked(userlist: Userlist) -> None:
    flags = Flag.CHANGE_EXPIRED_AUTHTOK
    assert change(userlist, "jsmith", "s3cret", "violet 7 anchor", "violet 7 anchor", flags=flags)[
        0
    ] == [ReturnCode.IGNORE]
    assert (
        change(userlist, "old", "s3cret", "violet 7 anchor", "violet 7 anchor", flags=flags)[0][-1]
        is ReturnCode.SUCCESS
    )


def test_use_authtok_takes_the_new_password_of_an_earlier_module(userlist: Userlist) -> None:
    codes, _, _ = change(
        userlist, "jsmith", "s3cret", "violet 7 anchor", "violet 7 anchor", use_authtok=True
    )
    assert codes == [ReturnCode.SUCCESS, ReturnCode.AUTHTOK_ERR]
    assert password_is(userlist, "jsmith", "s3cret")


def test_a_user_without_a_password_sets_one_with_nullok(userlist: Userlist) -> None:
    new = "violet 7 anchor"
    codes, _, _ = change(userlist, "blank", "", new, new, nullok=True)
    assert codes == [ReturnCode.SUCCESS] * 2
    assert password_is(userlist, "blank", new)
    assert change(userlist, "blank", "", new, new, nullok=True)[0] == [ReturnCode.AUTH_ERR]
