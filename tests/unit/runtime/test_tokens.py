"""Which password a module uses: the options that modules share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.module import Abort, Attempt, Module, TokenOptions, describe, read_options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.conversation import ScriptedConversation

RIGHT, WRONG, OTHER = "s3cret", "wr0ng", "0ther"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(TokenOptions):
    """Its own option, and those of passwords."""

    word: Annotated[str, "The right password."] = RIGHT


class Word(Module[Options]):
    """Know one password."""

    options_type = Options

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        async def check(password: str) -> ReturnCode:
            attempt.remark("checked")
            right = password == self.options.word
            return ReturnCode.SUCCESS if right else ReturnCode.AUTH_ERR

        return await self.options.verify(attempt, check)


@pytest.mark.parametrize(
    ("given", "answers", "words", "code", "checked"),
    [
        (None, [RIGHT], "", ReturnCode.SUCCESS, 1),
        (None, [WRONG], "", ReturnCode.AUTH_ERR, 1),
        # One that was asked for here is not asked for again.
        (None, [WRONG], "try_first_pass", ReturnCode.AUTH_ERR, 1),
        (None, [], "use_first_pass", ReturnCode.AUTH_ERR, 0),
        (WRONG, [], "", ReturnCode.AUTH_ERR, 1),
        (WRONG, [RIGHT], "try_first_pass", ReturnCode.SUCCESS, 2),
        (WRONG, [OTHER], "try_first_pass", ReturnCode.AUTH_ERR, 2),
        # The same one again is known to be wrong.
        (WRONG, [WRONG], "try_first_pass", ReturnCode.AUTH_ERR, 1),
        (WRONG, [], "use_first_pass", ReturnCode.AUTH_ERR, 1),
        (WRONG, [], "try_first_pass use_first_pass", ReturnCode.AUTH_ERR, 1),
        (RIGHT, [], "try_first_pass use_first_pass", ReturnCode.SUCCESS, 1),
    ],
)
def test_which_password_is_checked_and_how_often(
    given: str | None, answers: list[str], words: str, code: ReturnCode, checked: int
) -> None:
    options, problems = read_options(Options, words.split())
    assert options is not None
    assert not problems
    conversation = ScriptedConversation(*answers)
    attempt = FakeAttempt("jsmith", conversation=conversation)
    attempt.set_item(Item.AUTHTOK, given)
    assert attempt.code_of(Word(options).authenticate(attempt)) is code
    assert attempt.remarks == ["checked"] * checked
    assert conversation.unused == 0


def test_a_new_password_comes_from_an_earlier_module_only_with_use_authtok() -> None:
    conversation = ScriptedConversation("new", "new")
    attempt = FakeAttempt("jsmith", operation=Operation.CHAUTHTOK, conversation=conversation)
    with pytest.raises(Abort) as abort:
        attempt.answer(Options(use_authtok=True).new_token(attempt))
    assert abort.value.code is ReturnCode.AUTHTOK_ERR
    assert attempt.answer(Options().new_token(attempt)) == "new"


def test_its_own_options_are_described_before_the_common_ones() -> None:
    usages = [each.usage for each in describe(Options)]
    assert usages == ["word=TEXT", "try_first_pass", "use_first_pass", "use_authtok"]
