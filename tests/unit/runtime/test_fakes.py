"""The testing package itself: fakes that do what they say."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.machine import patience
from ualauth import Authenticator
from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.options import read_options
from ualauth.errors import ModuleUnavailable
from ualauth.identity import MailboxClass
from ualauth.messages import ConversationAgain, Error, Info, Question
from ualauth.module import Abort, Module, Sleep
from ualauth.modules.om_auth import OmAuth
from ualauth.modules.om_auth import Options as OmAuthOptions
from ualauth.modules.pam_permit import Options, PamPermit
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.conversation import AsyncScriptedConversation, ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.scripted_module import (
    AskPassword,
    AskUser,
    Delay,
    Hang,
    Returns,
    Script,
    ScriptedModule,
    scripted_modules,
)
from ualauth.testing.userlist import Userlist

SUCCESS = ReturnCode.SUCCESS
AUTH_ERR = ReturnCode.AUTH_ERR


# The attempt


def test_a_fake_attempt_has_what_it_was_given() -> None:
    attempt = FakeAttempt(
        "jsmith",
        operation=Operation.ACCT_MGMT,
        flags=7,
        service="imap",
        rhost="192.0.2.7",
        ruser="root",
        tty="tty1",
        tls=True,
        caller_uid=0,
    )
    values = (attempt.user, attempt.login_name, attempt.operation, attempt.flags, attempt.service)
    assert values == ("jsmith", "jsmith", Operation.ACCT_MGMT, 7, "imap")
    peer = (attempt.rhost, attempt.ruser, attempt.tty, attempt.tls, attempt.caller_uid)
    assert peer == ("192.0.2.7", "root", "tty1", True, 0)


def test_a_fake_attempt_answers_codes_and_coroutines() -> None:
    attempt = FakeAttempt("jsmith")

    assert attempt.answer(SUCCESS) is SUCCESS
    assert attempt.answer(attempt.offload(max, 1, 2)) == 2
    assert attempt.offloaded == [max]
    assert attempt.answer(PamPermit(Options()).authenticate(attempt)) is SUCCESS


def test_a_fake_attempt_sleeps_and_waits_without_a_loop() -> None:
    attempt = FakeAttempt()

    async def sleep() -> None:
        await Sleep(60.0)

    started = time.monotonic()
    attempt.answer(sleep())
    assert attempt.slept == [60.0]
    assert attempt.answer(attempt.wait(asyncio.sleep(0, "done"))) == "done"
    assert time.monotonic() - started < patience(10)


def test_a_fake_attempt_complains_about_awaitables_of_others() -> None:
    attempt = FakeAttempt()

    with pytest.raises(AssertionError, match="which is not an attempt's"):
        attempt.answer(asyncio.sleep(0))


def test_a_fake_attempt_hands_exceptions_to_the_module() -> None:
    attempt = FakeAttempt()

    async def module() -> str:
        try:
            await attempt.offload(lambda: 1 / 0)
        except ZeroDivisionError:
            return "caught"
        return "lost"

    assert attempt.answer(module()) == "caught"


# The conversation


def test_a_scripted_conversation_answers_questions_in_order() -> None:
    conversation = ScriptedConversation("one", None)
    conversation.add("three")

    assert conversation([Question("1"), Info("i"), Question("2")]) == ["one", None, None]
    assert conversation.unused == 1
    assert conversation([Question("3"), Question("4"), Error("e")]) == ["three", None, None]
    assert conversation.questions == ["1", "2", "3", "4"]
    assert conversation.texts == ["i", "e"]
    assert conversation.calls == 2


def test_a_scripted_conversation_raises_in_turn_and_hides_its_answers() -> None:
    conversation = ScriptedConversation("s3cret", ConversationAgain, OSError("x"))

    assert "s3cret" not in repr(conversation)
    assert conversation([Question("1")]) == ["s3cret"]
    with pytest.raises(ConversationAgain):
        conversation([Question("2")])
    with pytest.raises(OSError, match="x"):
        conversation([Question("3")])
    assert conversation([Question("4")]) == [None]


def test_an_asynchronous_conversation_is_awaited() -> None:
    conversation = AsyncScriptedConversation("one")

    assert asyncio.run(conversation([Question("1")])) == ["one"]


# The module


def ask(module: ScriptedModule, attempt: FakeAttempt) -> ReturnCode:
    """Ask a scripted module to authenticate."""
    return attempt.answer(module.authenticate(attempt))


def test_a_scripted_module_takes_its_turns_and_repeats_the_last() -> None:
    script = Script(authenticate=(ReturnCode.INCOMPLETE, AUTH_ERR, Info("at last"), SUCCESS))
    module = ScriptedModule(script)
    conversation = ScriptedConversation()
    attempt = FakeAttempt("jsmith", conversation=conversation)

    codes = [ask(module, attempt) for _ in range(4)]

    assert codes == [ReturnCode.INCOMPLETE, AUTH_ERR, SUCCESS, SUCCESS]
    assert conversation.texts == ["at last"] * 2
    assert [asked.user for asked in module.asked] == ["jsmith"] * 4


def test_a_scripted_module_does_its_deeds() -> None:
    deeds = (AskUser(), AskPassword(), Question("3?"), Delay(2.0), Hang(0.0), Returns("nonsense"))
    module = ScriptedModule(Script(authenticate=deeds))
    attempt = FakeAttempt(conversation=ScriptedConversation("jsmith", "s3cret", "three"))

    answered: object = ask(module, attempt)
    assert answered == "nonsense"
    assert attempt.delay == 2.0
    assert attempt.offloaded[-1] is time.sleep
    assert module.asked[0].answers == ("jsmith", "s3cret", "three")
    assert "s3cret" not in repr(module.asked)


def test_a_scripted_module_raises() -> None:
    module = ScriptedModule(Script(authenticate=(ValueError("x"), KeyError)))
    attempt = FakeAttempt()

    with pytest.raises(ValueError, match="x"):
        ask(module, attempt)
    with pytest.raises(KeyError):
        ask(module, attempt)
    assert len(module.asked) == 2


def test_a_scripted_module_writes_down_what_it_could_not_do() -> None:
    module = ScriptedModule(Script(authenticate=(AskPassword(), SUCCESS)))

    with pytest.raises(Abort):
        ask(module, FakeAttempt("jsmith"))
    assert len(module.asked) == 1


def test_a_script_reads_from_the_arguments_of_a_line() -> None:
    arguments = [
        "authenticate=user,password,ask:Who?,info:hello,delay:1.5,hang:2,auth_err,success",
        "acct_mgmt=raise:ValueError",
    ]
    script, problems = read_options(Script, arguments)

    assert problems == []
    assert script == Script(
        authenticate=(AskUser(), AskPassword(), Question("Who?", echo=True), Info("hello"),
                      Delay(1.5), Hang(2.0), AUTH_ERR, SUCCESS),
        acct_mgmt=(ValueError,),
    )  # fmt: skip


@pytest.mark.parametrize(
    "argument",
    ["nonsense=success", "authenticate", "authenticate=", "authenticate=yes",
     "authenticate=hang:soon,success", "authenticate=raise:print", "authenticate=raise:Nothing"],
)  # fmt: skip
def test_a_script_that_makes_no_sense_is_a_problem(argument: str) -> None:
    script, problems = read_options(Script, [argument])

    assert script is None
    assert len(problems) == 1


def test_a_script_must_end_with_an_answer() -> None:
    with pytest.raises(ValueError, match="the last step must be an answer"):
        ScriptedModule(Script(authenticate=(SUCCESS, AskUser())))


def test_scripted_modules_are_found_in_a_service(folder: ConfigFolder) -> None:
    folder.module("scripted", ScriptedModule)
    folder.service(
        "test",
        "auth required scripted authenticate=auth_err\n"
        "auth required pam_permit\n"
        "account required scripted\n",
    )
    authenticator = Authenticator(folder.config())
    auth, account = scripted_modules(authenticator.load("test"))
    with authenticator.transaction("test", "jsmith") as handle:
        assert handle.authenticate() is AUTH_ERR
        assert handle.acct_mgmt() is SUCCESS

    assert [asked.operation for asked in auth.asked] == [Operation.AUTHENTICATE]
    assert [asked.operation for asked in account.asked] == [Operation.ACCT_MGMT]


# The folder and the USERLIST


def test_a_class_of_a_function_cannot_be_installed(folder: ConfigFolder) -> None:
    class Local(Module[Options]):
        """Stand inside a function."""

    with pytest.raises(ValueError, match="top level"):
        folder.module("local", Local)


def test_settings_and_modules_go_together(folder: ConfigFolder) -> None:
    folder.settings("[modules]\npath = ['/nonexistent']\nallow = ['scripted']\n")
    folder.module("scripted", ScriptedModule)

    config = folder.config()

    assert config.modules.path == ("/nonexistent", str(folder.path / "modules"))
    assert config.modules.allow == ("scripted",)


def test_a_userlist_stands_behind_an_attempt(tmp_path: Path) -> None:
    userlist = Userlist.create(tmp_path)
    userlist.add("jsmith", "s3cret", addresses=("john@example.com",))
    userlist.add("mary", mailbox_class=MailboxClass.LIMITED, locked=True)
    module = OmAuth(OmAuthOptions())
    answers = []
    for name, password in (("john@example.com", "s3cret"), ("jsmith", "wrong"), ("mary", "")):
        attempt = FakeAttempt(name, password=password, **userlist.behind_attempt())
        answers.append((attempt.answer(module.authenticate(attempt)), attempt.user))
    userlist.close()

    assert answers == [(SUCCESS, "jsmith"), (AUTH_ERR, "jsmith"), (AUTH_ERR, "mary")]


def test_a_fake_attempt_without_a_userlist_has_none() -> None:
    attempt = FakeAttempt("jsmith", password="s3cret")

    with pytest.raises(ModuleUnavailable):
        attempt.answer(OmAuth(OmAuthOptions()).authenticate(attempt))
    assert attempt.get_item(Item.AUTHTOK) == "s3cret"
