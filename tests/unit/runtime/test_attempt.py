"""What a module sees: items, environment, data, the user and the tokens (pam_*(3))."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.contract.credentials import MAX_NAME_BYTES, MAX_PASSWORD_BYTES, PasswordChange
from ualauth.errors import ModuleUnavailable, StoreError
from ualauth.messages import ConversationAgain, Error, Info, Question
from ualauth.module import Abort
from ualauth.testing.attempt import FakeAttempt, NoUsers
from ualauth.testing.conversation import ScriptedConversation

SUCCESS = ReturnCode.SUCCESS
CHAUTHTOK = Operation.CHAUTHTOK


def get_user(attempt: FakeAttempt, prompt: str | None = None) -> str:
    """Get the user."""
    return attempt.answer(attempt.get_user(prompt))


def get_authtok(attempt: FakeAttempt, *args: Any, **options: Any) -> str:
    """Get a token."""
    return attempt.answer(attempt.get_authtok(*args, **options))


def refusal(function: Any, *args: Any, **options: Any) -> ReturnCode:
    """Return the code of the refusal that a call raises."""
    with pytest.raises(Abort) as raised:
        function(*args, **options)
    return raised.value.code


# Items


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (Item.SERVICE, "imap"),
        (Item.USER, "jsmith"),
        (Item.USER, ""),
        (Item.USER, None),
        (Item.TTY, "tty1"),
        (Item.RHOST, "192.0.2.7"),
        (Item.RUSER, "root"),
        (Item.USER_PROMPT, "who? "),
        (Item.AUTHTOK, "s3cret"),
        (Item.AUTHTOK, None),
        (Item.OLDAUTHTOK, "s3cret"),
        (Item.AUTHTOK_TYPE, "UNIX"),
        (Item.XDISPLAY, ":0"),
        (Item.XAUTHDATA, b"\0\1"),
    ],
)
def test_an_item_is_got_as_it_was_set(item: Item, value: object) -> None:
    attempt = FakeAttempt("somebody")

    assert attempt.set_item(item, value) is SUCCESS
    assert attempt.get_item(item) == value


@pytest.mark.parametrize("item", Item, ids=lambda item: item.name)
def test_an_item_that_was_not_set_is_none(item: Item) -> None:
    assert FakeAttempt().get_item(item) == ("test" if item is Item.SERVICE else None)


@pytest.mark.parametrize(
    ("item", "value", "code"),
    [
        (Item.SERVICE, None, ReturnCode.BAD_ITEM),
        (Item.CONV, None, ReturnCode.PERM_DENIED),
        (Item.USER, 7, ReturnCode.BAD_ITEM),
        (Item.AUTHTOK, b"bytes", ReturnCode.BAD_ITEM),
        (Item.RHOST, ["192.0.2.7"], ReturnCode.BAD_ITEM),
    ],
)
def test_what_an_item_cannot_hold_is_refused(item: Item, value: object, code: ReturnCode) -> None:
    attempt = FakeAttempt("jsmith")
    before = attempt.get_item(item)

    assert attempt.set_item(item, value) is code
    assert attempt.get_item(item) == before


@pytest.mark.parametrize(
    "name",
    [
        *("service", "login_name", "name_kind", "exchange", "mechanism"),
        *("rhost", "ruser", "tty", "tls", "caller_uid"),
    ],
)
def test_what_modules_only_read_they_cannot_set(name: str) -> None:
    attempt = FakeAttempt("jsmith", rhost="192.0.2.7", tls=True)
    before = getattr(attempt, name)

    with pytest.raises(AttributeError):
        setattr(attempt, name, "another")

    assert getattr(attempt, name) is before


# The environment


def test_variables_are_set_emptied_and_deleted() -> None:
    attempt = FakeAttempt()

    assert [attempt.putenv(text) for text in ("A=1", "B=", "C=x=y", "A=2")] == [SUCCESS] * 4
    assert attempt.items.getenvlist() == ["A=2", "B=", "C=x=y"]
    assert attempt.putenv("B") is SUCCESS
    assert attempt.items.getenvlist() == ["A=2", "C=x=y"]
    assert (attempt.getenv("A"), attempt.getenv("B"), attempt.getenv("C")) == ("2", None, "x=y")


@pytest.mark.parametrize("text", ["", "=x", "=", "MISSING"])
def test_a_variable_without_a_name_or_that_is_not_there_is_a_bad_item(text: str) -> None:
    attempt = FakeAttempt()
    attempt.putenv("A=1")

    assert attempt.putenv(text) is ReturnCode.BAD_ITEM
    assert attempt.items.getenvlist() == ["A=1"]


def test_the_list_of_variables_is_a_copy() -> None:
    attempt = FakeAttempt()
    attempt.putenv("A=1")
    attempt.items.getenvlist().clear()

    assert attempt.items.getenvlist() == ["A=1"]


# Data


def test_data_is_got_as_it_was_stored() -> None:
    attempt = FakeAttempt()
    value = object()
    attempt.set_data("x", value)

    assert attempt.get_data("x") is value
    assert refusal(attempt.get_data, "y") is ReturnCode.NO_MODULE_DATA


def test_data_may_be_none() -> None:
    attempt = FakeAttempt()
    attempt.set_data("x", None)

    assert attempt.get_data("x") is None


def test_replacing_data_cleans_up_the_old_value() -> None:
    attempt = FakeAttempt()
    cleaned: list[tuple[object, int]] = []

    def cleanup(value: object, status: int) -> None:
        cleaned.append((value, status))

    attempt.set_data("x", 1, cleanup)
    assert cleaned == []
    attempt.set_data("x", 2, cleanup)
    assert cleaned == [(1, Flag.DATA_REPLACE | SUCCESS)]
    attempt.end(ReturnCode.AUTH_ERR)
    assert cleaned[1:] == [(2, ReturnCode.AUTH_ERR)]
    assert refusal(attempt.get_data, "x") is ReturnCode.NO_MODULE_DATA


def test_a_cleanup_that_raises_keeps_no_other_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    attempt = FakeAttempt()
    cleaned: list[object] = []

    def raises(_value: object, _status: int) -> None:
        raise ZeroDivisionError

    attempt.set_data("first", "CANARY", raises)
    attempt.set_data("second", 2, lambda value, _status: cleaned.append(value))

    attempt.end(SUCCESS)

    assert cleaned == [2]
    assert "the cleanup of 'first' raised ZeroDivisionError" in caplog.text
    assert "CANARY" not in caplog.text


def test_the_end_forgets_the_tokens_and_the_password() -> None:
    attempt = FakeAttempt("jsmith", password="s3cret")
    get_authtok(attempt)
    attempt.set_item(Item.OLDAUTHTOK, "old")

    attempt.end(SUCCESS)

    assert attempt.get_item(Item.AUTHTOK) is attempt.get_item(Item.OLDAUTHTOK) is None
    assert attempt.items.password is None


# Asking


def test_each_message_gets_its_answer() -> None:
    conversation = ScriptedConversation("one", "two")
    attempt = FakeAttempt(conversation=conversation)
    messages = (Question("1?"), Info("i"), Question("2?", echo=True), Error("e"))

    assert attempt.answer(attempt.ask(*messages)) == ["one", None, "two", None]
    assert conversation.messages == list(messages)
    assert attempt.messages == ["i", "e"]


def test_an_empty_answer_is_an_answer() -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation(""))

    assert attempt.answer(attempt.ask(Question("?"))) == [""]


@pytest.mark.parametrize("count", [0, 33])
def test_a_conversation_has_one_to_32_messages(count: int) -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation())

    code = refusal(attempt.answer, attempt.ask(*[Info("x")] * count))
    assert code is ReturnCode.CONV_ERR
    assert len(attempt.answer(attempt.ask(*[Info("x")] * 32))) == 32


@pytest.mark.parametrize(
    "answers",
    [None, [], ["a"], ["a", "b", "c"], "ab", b"ab", [1, 2], ["a", b"b"], {"a": 1, "b": 2}, 7],
    ids=repr,
)
def test_answers_that_do_not_fit_are_an_error(
    answers: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempt = FakeAttempt(conversation=lambda _messages: answers)

    code = refusal(attempt.answer, attempt.ask(Question("1"), Question("2")))
    assert code is ReturnCode.CONV_ERR
    assert "test: the conversation " in caplog.text


def test_a_conversation_that_raises_is_an_error_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation(ValueError("CANARY")))

    with pytest.raises(Abort) as raised:
        attempt.answer(attempt.ask(Question("?")))
    assert raised.value.code is ReturnCode.CONV_ERR
    assert raised.value.__cause__ is None
    assert "ValueError" in caplog.text
    assert "CANARY" not in caplog.text


def test_a_conversation_may_ask_to_be_called_again() -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation(ConversationAgain, "yes"))

    assert refusal(attempt.answer, attempt.ask(Question("?"))) is ReturnCode.CONV_AGAIN
    assert attempt.answer(attempt.ask(Question("?"))) == ["yes"]


def test_without_a_conversation_the_password_answers_for_the_person() -> None:
    attempt = FakeAttempt("jsmith", password="s3cret")

    messages = (Question("Password: "), Question("login:", echo=True), Info("x"))
    assert attempt.answer(attempt.ask(*messages)) == ["s3cret", "jsmith", None]
    assert attempt.messages == ["x"]


def test_with_neither_conversation_nor_password_there_is_no_answer() -> None:
    attempt = FakeAttempt()

    assert attempt.answer(attempt.ask(Question("?"), Question("?", echo=True))) == [None, None]


# The user


def test_a_known_user_is_not_asked_for() -> None:
    conversation = ScriptedConversation("other")
    attempt = FakeAttempt("jsmith", conversation=conversation)

    assert get_user(attempt) == "jsmith"
    assert conversation.calls == 0


@pytest.mark.parametrize(
    ("prompt", "item", "asked"),
    [(None, None, "login:"), (None, "Name? ", "Name? "), ("Who? ", "Name? ", "Who? ")],
)
def test_an_unknown_user_is_asked_for_with_echo(
    prompt: str | None,
    item: str | None,
    asked: str,
) -> None:
    conversation = ScriptedConversation("jsmith")
    attempt = FakeAttempt(conversation=conversation)
    attempt.set_item(Item.USER_PROMPT, item)

    assert get_user(attempt, prompt) == "jsmith"
    assert conversation.messages == [Question(asked, echo=True)]
    assert (attempt.user, attempt.login_name) == ("jsmith", "jsmith")
    assert get_user(attempt) == "jsmith"
    assert conversation.calls == 1


def test_an_empty_name_is_a_name() -> None:
    assert get_user(FakeAttempt(conversation=ScriptedConversation(""))) == ""


@pytest.mark.parametrize("answer", [None, OSError("broken")], ids=["silent", "broken"])
def test_a_name_that_could_not_be_got_is_not_asked_for_again(answer: Any) -> None:
    conversation = ScriptedConversation(answer, "jsmith")
    attempt = FakeAttempt(conversation=conversation)

    assert refusal(get_user, attempt) is ReturnCode.CONV_ERR
    assert refusal(get_user, attempt) is ReturnCode.CONV_ERR
    assert conversation.calls == 1


@pytest.mark.parametrize(
    ("item", "value"),
    [(Item.USER, None), (Item.USER_PROMPT, "again:"), (Item.CONV, ScriptedConversation("jsmith"))],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_new_user_prompt_or_conversation_forgets_the_failure(item: Item, value: object) -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation(None, "jsmith"))
    refusal(get_user, attempt)

    attempt.set_item(item, value)

    assert get_user(attempt) == "jsmith"


def test_another_item_does_not_forget_the_failure() -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation(None, "jsmith"))
    refusal(get_user, attempt)

    attempt.set_item(Item.RHOST, "192.0.2.7")

    assert refusal(get_user, attempt) is ReturnCode.CONV_ERR


def test_a_name_may_come_later() -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation(ConversationAgain, "jsmith"))

    assert refusal(get_user, attempt) is ReturnCode.CONV_AGAIN
    assert get_user(attempt) == "jsmith"


def test_a_name_that_comes_later_must_be_asked_for_with_the_same_prompt() -> None:
    attempt = FakeAttempt(conversation=ScriptedConversation(ConversationAgain, "jsmith"))

    assert refusal(get_user, attempt, "first:") is ReturnCode.CONV_AGAIN
    assert refusal(get_user, attempt, "second:") is ReturnCode.ABORT
    assert get_user(attempt, "first:") == "jsmith"


class People(NoUsers):
    """A USERLIST that knows authids and nothing else."""

    def __init__(self, resolve: Callable[[str], str | None]) -> None:
        self._resolve = resolve

    def recall(self, _name: str, _kind: object = None) -> None:
        """Know nothing for sure."""

    def read(self, name: str, _kind: object = None) -> Any:
        authid = self._resolve(name)
        return None if authid is None else SimpleNamespace(user=SimpleNamespace(authid=authid))


def test_a_login_name_becomes_the_authid() -> None:
    asked: list[str] = []

    def resolve(name: str) -> str | None:
        asked.append(name)
        return {"John.Smith@example.com": "jsmith"}.get(name)

    people = People(resolve)
    attempt = FakeAttempt("John.Smith@example.com", users=people)

    assert get_user(attempt) == "jsmith"
    assert get_user(attempt) == "jsmith"
    assert asked == ["John.Smith@example.com"]
    assert attempt.login_name == "John.Smith@example.com"
    assert attempt.offloaded == [people.read]


def test_a_name_that_the_userlist_does_not_know_stays() -> None:
    assert get_user(FakeAttempt("stranger", users=People(lambda _name: None))) == "stranger"


def test_a_name_that_a_module_sets_is_resolved_again() -> None:
    attempt = FakeAttempt("first", users=People(lambda name: name.upper()))
    assert get_user(attempt) == "FIRST"

    attempt.set_item(Item.USER, "second")

    assert get_user(attempt) == "SECOND"


def test_a_userlist_that_cannot_be_read_is_no_unknown_user() -> None:
    def resolve(_name: str) -> str | None:
        raise StoreError("the disk is gone")

    attempt = FakeAttempt("jsmith", users=People(resolve))

    with pytest.raises(Abort) as caught:
        get_user(attempt)
    assert caught.value.code is ReturnCode.AUTHINFO_UNAVAIL
    assert caught.value.why == "the disk is gone"


@pytest.mark.parametrize(
    "name",
    ["a\0b", "x" * (MAX_NAME_BYTES + 1), "é" * (MAX_NAME_BYTES // 2 + 1), "\udcff"],
    ids=["NUL", "long", "long in UTF-8", "surrogate"],
)
def test_a_name_that_no_user_can_have_reaches_no_userlist(name: str) -> None:
    attempt = FakeAttempt(name, users=People(lambda _name: pytest.fail("it was looked up")))

    assert refusal(get_user, attempt) is ReturnCode.USER_UNKNOWN


def test_the_longest_name_is_looked_up() -> None:
    attempt = FakeAttempt("é" * (MAX_NAME_BYTES // 2), users=People(lambda _name: "jsmith"))

    assert get_user(attempt) == "jsmith"


# Tokens


def test_a_password_that_was_brought_is_not_asked_for() -> None:
    conversation = ScriptedConversation("other")
    attempt = FakeAttempt("jsmith", password="s3cret", conversation=conversation)

    assert get_authtok(attempt) == attempt.get_item(Item.AUTHTOK) == "s3cret"
    assert conversation.calls == 0


@pytest.mark.parametrize("operation", [Operation.AUTHENTICATE, CHAUTHTOK], ids=str)
@pytest.mark.parametrize("item", [Item.AUTHTOK, Item.OLDAUTHTOK], ids=lambda item: item.name)
def test_a_token_that_is_there_is_always_used(operation: Operation, item: Item) -> None:
    attempt = FakeAttempt("jsmith", operation=operation, password="other")
    attempt.set_item(item, "present")

    assert get_authtok(attempt, item) == "present"
    assert get_authtok(attempt, item, use_only_present=True) == "present"
    assert get_authtok(attempt, item, prompt="?") == "present"


PROMPTS = [
    (Operation.AUTHENTICATE, Item.AUTHTOK, None, None, ["Password: "]),
    (Operation.AUTHENTICATE, Item.AUTHTOK, "UNIX", None, ["Password: "]),
    (Operation.AUTHENTICATE, Item.AUTHTOK, None, "PIN: ", ["PIN: "]),
    (CHAUTHTOK, Item.OLDAUTHTOK, None, None, ["Current password: "]),
    (CHAUTHTOK, Item.OLDAUTHTOK, "UNIX", None, ["Current UNIX password: "]),
    (CHAUTHTOK, Item.OLDAUTHTOK, None, "Old: ", ["Old: "]),
    (CHAUTHTOK, Item.AUTHTOK, None, None, ["New password: ", "Retype new password: "]),
    (CHAUTHTOK, Item.AUTHTOK, "UNIX", None, ["New UNIX password: ", "Retype new UNIX password: "]),
    (CHAUTHTOK, Item.AUTHTOK, None, "Fresh: ", ["Fresh: ", "Retype Fresh: "]),
]


@pytest.mark.parametrize(("operation", "item", "kind", "prompt", "questions"), PROMPTS)
def test_a_token_is_asked_for_without_echo(
    operation: Operation,
    item: Item,
    kind: str | None,
    prompt: str | None,
    questions: list[str],
) -> None:
    conversation = ScriptedConversation("s3cret", "s3cret")
    attempt = FakeAttempt("jsmith", operation=operation, conversation=conversation)
    attempt.set_item(Item.AUTHTOK_TYPE, kind)

    assert get_authtok(attempt, item, prompt=prompt) == "s3cret"
    assert conversation.messages == [Question(text, echo=False) for text in questions]
    assert attempt.get_item(item) == "s3cret"


def test_the_password_of_a_login_is_not_the_new_one_of_a_change() -> None:
    conversation = ScriptedConversation("fresh", "fresh")
    attempt = FakeAttempt(
        "jsmith", operation=CHAUTHTOK, password="s3cret", conversation=conversation
    )

    assert get_authtok(attempt) == "fresh"


def test_a_change_brings_the_old_and_the_new_password() -> None:
    attempt = FakeAttempt("jsmith", operation=CHAUTHTOK)
    attempt.items.password = PasswordChange("old", "new")

    assert get_authtok(attempt, Item.OLDAUTHTOK) == "old"
    assert get_authtok(attempt) == "new"
    assert attempt.answer(attempt.verify_authtok()) == "new"


@pytest.mark.parametrize(
    ("operation", "item", "code"),
    [
        (Operation.AUTHENTICATE, Item.AUTHTOK, ReturnCode.AUTH_ERR),
        (CHAUTHTOK, Item.OLDAUTHTOK, ReturnCode.AUTH_ERR),
        (CHAUTHTOK, Item.AUTHTOK, ReturnCode.AUTHTOK_ERR),
    ],
)
def test_a_module_that_never_asks_is_refused(
    operation: Operation,
    item: Item,
    code: ReturnCode,
) -> None:
    conversation = ScriptedConversation("s3cret")
    attempt = FakeAttempt("jsmith", operation=operation, conversation=conversation)

    assert refusal(get_authtok, attempt, item, use_only_present=True) is code
    assert conversation.calls == 0


@pytest.mark.parametrize("answer", [None, OSError("broken")], ids=["silent", "broken"])
@pytest.mark.parametrize(
    ("operation", "item", "texts"),
    [
        (Operation.AUTHENTICATE, Item.AUTHTOK, []),
        (CHAUTHTOK, Item.OLDAUTHTOK, []),
        (CHAUTHTOK, Item.AUTHTOK, ["Password change has been aborted."]),
    ],
)
def test_a_token_that_could_not_be_got_is_authtok_err(
    operation: Operation,
    item: Item,
    texts: list[str],
    answer: Any,
) -> None:
    conversation = ScriptedConversation(answer)
    attempt = FakeAttempt("jsmith", operation=operation, conversation=conversation)

    assert refusal(get_authtok, attempt, item) is ReturnCode.AUTHTOK_ERR
    assert conversation.texts == texts
    assert attempt.get_item(item) is None


def test_two_new_passwords_that_differ_are_forgotten() -> None:
    conversation = ScriptedConversation("fresh", "frehs", "again", "again")
    attempt = FakeAttempt("jsmith", operation=CHAUTHTOK, conversation=conversation)

    assert refusal(get_authtok, attempt) is ReturnCode.TRY_AGAIN
    assert conversation.texts == ["Sorry, passwords do not match."]
    assert attempt.get_item(Item.AUTHTOK) is None
    assert get_authtok(attempt) == "again"


def test_a_retyped_password_that_does_not_come_is_an_abort() -> None:
    conversation = ScriptedConversation("fresh")
    attempt = FakeAttempt("jsmith", operation=CHAUTHTOK, conversation=conversation)

    assert refusal(get_authtok, attempt) is ReturnCode.AUTHTOK_ERR
    assert conversation.texts == ["Password change has been aborted."]
    assert attempt.get_item(Item.AUTHTOK) is None


def test_a_new_password_may_be_looked_at_before_it_is_retyped() -> None:
    conversation = ScriptedConversation("fresh", "fresh")
    attempt = FakeAttempt("jsmith", operation=CHAUTHTOK, conversation=conversation)

    assert get_authtok(attempt, verify=False) == "fresh"
    assert conversation.questions == ["New password: "]
    assert attempt.answer(attempt.verify_authtok()) == "fresh"
    assert conversation.questions == ["New password: ", "Retype new password: "]
    assert attempt.answer(attempt.verify_authtok()) == "fresh"
    assert conversation.calls == 2


def test_a_new_password_that_was_retyped_otherwise_is_forgotten() -> None:
    conversation = ScriptedConversation("fresh", "frehs")
    attempt = FakeAttempt("jsmith", operation=CHAUTHTOK, conversation=conversation)
    get_authtok(attempt, verify=False)

    assert refusal(attempt.answer, attempt.verify_authtok()) is ReturnCode.TRY_AGAIN
    assert attempt.get_item(Item.AUTHTOK) is None


def test_the_old_password_does_not_count_as_a_retyped_new_one() -> None:
    conversation = ScriptedConversation("fresh", "old", "frehs")
    attempt = FakeAttempt("jsmith", operation=CHAUTHTOK, conversation=conversation)
    get_authtok(attempt, verify=False)
    get_authtok(attempt, Item.OLDAUTHTOK)

    assert refusal(attempt.answer, attempt.verify_authtok()) is ReturnCode.TRY_AGAIN


def test_a_token_may_come_later() -> None:
    attempt = FakeAttempt("j", conversation=ScriptedConversation(ConversationAgain, "s3cret"))

    assert refusal(get_authtok, attempt) is ReturnCode.CONV_AGAIN
    assert get_authtok(attempt) == "s3cret"


@pytest.mark.parametrize(
    "token",
    ["a\0b", "x" * (MAX_PASSWORD_BYTES + 1), "é" * (MAX_PASSWORD_BYTES // 2 + 1), "\ud800"],
    ids=["NUL", "long", "long in UTF-8", "surrogate"],
)
@pytest.mark.parametrize(
    ("operation", "code"),
    [(Operation.AUTHENTICATE, ReturnCode.AUTH_ERR), (CHAUTHTOK, ReturnCode.AUTHTOK_ERR)],
)
def test_a_token_that_no_password_can_be_is_refused(
    token: str,
    operation: Operation,
    code: ReturnCode,
) -> None:
    conversation = ScriptedConversation(token, token)
    attempt = FakeAttempt("jsmith", operation=operation, conversation=conversation)

    assert refusal(get_authtok, attempt) is code
    assert attempt.get_item(Item.AUTHTOK) is None
    assert token not in "".join(attempt.remarks)


def test_the_longest_password_is_taken() -> None:
    attempt = FakeAttempt("jsmith", password="x" * MAX_PASSWORD_BYTES)

    assert len(get_authtok(attempt)) == MAX_PASSWORD_BYTES


def test_an_empty_password_is_a_password() -> None:
    assert get_authtok(FakeAttempt("jsmith", password="")) == ""


# The rest


def test_the_largest_delay_wins() -> None:
    attempt = FakeAttempt()
    for seconds in (1.0, 3.0, 2.0):
        attempt.fail_delay(seconds)

    assert attempt.delay == 3.0


def test_a_resource_is_found_by_its_type_or_missing() -> None:
    shared = logging.Formatter()
    attempt = FakeAttempt(resources=[shared])

    assert attempt.resource(logging.Formatter) is shared
    with pytest.raises(ModuleUnavailable):
        attempt.resource(logging.Handler)


def test_the_person_whom_the_last_module_vouched_for_counts() -> None:
    from ualauth.identity import Person

    attempt = FakeAttempt()
    attempt.vouch(Person("first"))
    attempt.vouch(Person("second"))

    assert attempt.person == Person("second")
