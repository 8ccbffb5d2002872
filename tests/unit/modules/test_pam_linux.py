"""pam_linux without a host: its arguments, its prompts, and the threads that it waits for.

What it does with a host is in tests/integration/host_pam.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from pam.__internals import PamMessage, PamResponse

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.options import read_options
from ualauth.host_pam.call import CALLS, CHANGES, Answering, Answers, Call, Done, PamQuestions
from ualauth.host_pam.libpam import Style
from ualauth.host_pam.service import HostService
from ualauth.host_pam.talk import Change
from ualauth.host_pam.transaction import HostTransaction
from ualauth.messages import Info, Message, Question
from ualauth.stack.registry import ModuleRegistry
from ualauth.testing.attempt import FakeAttempt

T = TypeVar("T")
OPTIONS = ModuleRegistry().find("pam_linux").options_type


@pytest.mark.parametrize(
    "argument",
    [
        "service=",
        "service=../mail",
        "service=a/b",
        "service=/etc/passwd",
        "service=.",
        "service=Mail",
        "service=a b",
        "service=a\0",
        "service=\udcff",
    ],
)
def test_a_name_that_libpam_would_change_is_refused(argument: str) -> None:
    options, problems = read_options(OPTIONS, [argument])
    assert options is None
    assert problems


@pytest.mark.parametrize(
    "argument",
    ["confdir=pam.d", "confdir=", "timeout=0", "timeout=-1", "timeout=inf", "timeout=nan", "x=1"],
)
def test_other_wrong_arguments_are_refused(argument: str) -> None:
    options, problems = read_options(OPTIONS, ["service=mail", argument])
    assert options is None
    assert problems


def test_right_arguments_are_taken() -> None:
    options, problems = read_options(
        OPTIONS, ["service=mail", "confdir=/srv/pam.d", "timeout=2.5", "or_other"]
    )
    assert not problems
    assert options is not None
    assert (options.service, options.confdir, options.timeout) == ("mail", "/srv/pam.d", 2.5)


# The words of modules that are in use: which password do they ask for?
OLD = [
    "Current password: ",
    "(current) UNIX password: ",
    "(current) NT password: ",
    "Current Kerberos password: ",
    "Old password:",
]
NEW = [
    "New password: ",
    "Enter new NT password: ",
    "Enter new Kerberos password: ",
    "Retype new password: ",
    "Reenter new Password: ",
    "Re-enter new password: ",
    "Retype new NT password: ",
]


@pytest.mark.parametrize(
    ("texts", "item"), [(OLD, "old"), (NEW, "new"), (["Password: ", "PIN: "], None)]
)
def test_prompts_of_a_change_are_known_by_their_words(texts: list[str], item: str | None) -> None:
    for text in texts:
        change = Change(never_ask_old=True, never_ask_new=True)
        assert change.claims(Question(text)) is (item is not None)
        assert not change.claims(Question(text, echo=True))
        if item is not None:
            attempt = FakeAttempt("jsmith")
            attempt.items.oldauthtok, attempt.items.authtok = "old", "new"
            assert attempt.answer(change.answer(attempt, Question(text))) == item, text


# Calls


def call(work: Callable[[Answering], T], timeout: float = 10) -> Call[T]:
    return Call(work, threading.BoundedSemaphore(1), timeout)


def test_a_call_stops_where_it_asks() -> None:
    def work(ask: Answering) -> str:
        (answer,) = ask((Question("Who? "),)) or [None]
        return (answer or b"").decode()

    host_call = call(work)
    event = host_call.go_on()
    assert event == PamQuestions((Question("Who? "),))
    # No place is held while the person thinks.
    assert host_call.places.acquire(blocking=False)
    host_call.places.release()
    assert host_call.go_on([bytearray(b"me")]) == Done("me")
    assert host_call.places.acquire(blocking=False)


def test_a_call_without_answers_is_told_so() -> None:
    host_call = call(lambda ask: ask((Question("Who? "),)))
    host_call.go_on()
    assert host_call.go_on(None) == Done(None)


def test_a_call_that_is_late_is_given_up_and_keeps_its_place() -> None:
    gate = threading.Event()
    answers = []

    def work(ask: Answering) -> None:
        gate.wait(10)
        answers.append(ask((Question("Who? "),)))

    host_call = call(work, timeout=0.01)
    with pytest.raises(TimeoutError):
        host_call.go_on()
    assert not host_call.places.acquire(blocking=False)
    waiting = call(lambda _: None, timeout=0.01)
    waiting.places = host_call.places
    with pytest.raises(TimeoutError):
        waiting.go_on()
    gate.set()
    assert host_call.places.acquire(timeout=10)
    # It could ask no more.
    assert answers == [None]


def test_a_call_that_was_abandoned_does_not_begin() -> None:
    begun: list[Answering] = []
    host_call = call(begun.append)
    host_call.abandon()
    with pytest.raises(TimeoutError):
        host_call.go_on()
    assert begun == []
    assert host_call.places.acquire(blocking=False)


def test_a_waiting_thread_is_told_that_a_call_was_abandoned() -> None:
    begun, gate = threading.Event(), threading.Event()

    def work(_ask: Answering) -> None:
        begun.set()
        gate.wait(10)

    host_call = call(work, timeout=60)
    heard: list[str] = []

    def wait() -> None:
        try:
            host_call.go_on()
        except TimeoutError:
            heard.append("given up")

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert begun.wait(10)
    host_call.abandon()
    waiter.join(10)
    gate.set()
    assert heard == ["given up"]


def test_no_password_is_shown() -> None:
    host_call = call(lambda ask: ask((Question("Password: "),)))
    host_call.go_on()
    host_call._answers = [bytearray(b"canary")]
    assert "canary" not in repr(host_call)
    host_call.abandon()


# What libpam calls back


class Talking(HostTransaction):
    """A transaction that libpam asks something, although it never began."""

    def __init__(self, ask: Answering | None) -> None:
        super().__init__(HostService("mail"))
        self._ask = ask

    def asked(self, *messages: tuple[int, bytes], count: int | None = None) -> tuple[int, Any]:
        """Return the code, and the responses."""
        structures = [PamMessage(style, text) for style, text in messages]
        pointers = [ctypes.pointer(each) for each in structures]
        array = (ctypes.POINTER(PamMessage) * len(pointers))(*pointers)
        responses = ctypes.POINTER(PamResponse)()
        code = self._converse(
            len(structures) if count is None else count,
            ctypes.cast(array, ctypes.POINTER(ctypes.POINTER(PamMessage))),
            ctypes.pointer(responses),
            None,
        )
        return code, responses


def test_answers_reach_libpam_and_are_overwritten_here() -> None:
    secret = bytearray(b"correct horse")
    heard: list[Message] = []

    def ask(messages: tuple[Message, ...]) -> Answers:
        heard.extend(messages)
        return [None, secret]

    code, responses = Talking(ask).asked((Style.INFO, b"Hello."), (Style.SECRET, b"Pass\xff: "))
    assert code == ReturnCode.SUCCESS
    assert heard == [Info("Hello."), Question("Pass\ufffd: ")]
    assert (responses[0].resp, responses[1].resp) == (None, b"correct horse")
    assert secret == bytes(len(secret))


def _fails(_messages: object) -> Answers:
    raise RuntimeError("correct horse")


@pytest.mark.parametrize(
    "ask",
    [
        None,
        _fails,
        lambda _: None,
        lambda _: [],
        lambda _: [bytearray(b"a\0b")],
        lambda _: [bytearray(b"x" * 512)],
    ],
)
def test_a_conversation_that_fails_is_no_success(
    ask: Answering | None, caplog: pytest.LogCaptureFixture
) -> None:
    code, responses = Talking(ask).asked((Style.SECRET, b"Password: "))
    assert code == ReturnCode.CONV_ERR
    assert not responses
    assert "correct horse" not in caplog.text


@pytest.mark.parametrize("style", [0, 5, 7, -1])
def test_styles_that_are_not_understood_are_not_asked(style: int) -> None:
    asked: list[object] = []
    code, _ = Talking(asked.append).asked((Style.SECRET, b"Password: "), (style, b"?"))
    assert code == ReturnCode.CONV_ERR
    assert asked == []


@pytest.mark.parametrize("count", [0, -1, 33])
def test_too_many_messages_are_not_asked(count: int) -> None:
    asked: list[object] = []
    code, _ = Talking(asked.append).asked((Style.SECRET, b"Password: "), count=count)
    assert code == ReturnCode.CONV_ERR
    assert asked == []


def test_changes_take_turns_and_nothing_else_does() -> None:
    transaction = HostTransaction(HostService("mail"))
    places = {each: transaction.call(each, 0, {}, 1).places for each in Operation}
    assert places.pop(Operation.CHAUTHTOK) is CHANGES
    assert set(places.values()) == {CALLS}


def test_codes_have_the_numbers_of_python_pam() -> None:
    import pam

    for name in vars(pam):
        code = name.removeprefix("PAM_")
        if code in ReturnCode.__members__:
            assert getattr(pam, name) == ReturnCode[code], name
