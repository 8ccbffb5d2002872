"""A fake attempt, and a way to run a module's coroutine without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.account import Memberships
from ualauth.contract.attempt import NameTest
from ualauth.messages import Answer, TextMessage
from ualauth.module import Abort, Offload
from ualauth.reasons import ReasonCode

Ask = Callable[..., ReturnCode]


def run(coroutine: Any) -> Any:
    """Drive a coroutine, carrying out what it offloads on the spot; a code is an answer already."""
    if isinstance(coroutine, ReturnCode):
        return coroutine
    answer = None
    try:
        while True:
            request = coroutine.send(answer)
            assert isinstance(request, Offload), request
            answer = request.function(*request.args)
    except StopIteration as stop:
        return stop.value


@dataclass
class FakeAttempt:
    """An attempt of what a test says; `refusal` is what get_user and ask raise."""

    user: str | None = None
    operation: Operation = Operation.AUTHENTICATE
    flags: int = 0
    service: str = "test"
    rhost: str | None = None
    ruser: str | None = None
    tty: str | None = None
    tls: bool = False
    caller_uid: int | None = None
    refusal: ReturnCode | None = None
    set_item_code: ReturnCode = ReturnCode.SUCCESS
    told: list[TextMessage] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    reasons: list[ReasonCode] = field(default_factory=list)
    login_name: str | None = None
    offloads: int = 0

    async def get_user(self, prompt: str | None = None) -> str:
        if self.user is None:
            raise Abort(self.refusal or ReturnCode.CONV_ERR)
        return self.user

    async def test_name(self, test: NameTest) -> ReturnCode:
        answer = await test(await self.get_user())
        if answer.reason is not None:
            self.explain(answer.reason, answer.why)
        elif answer.why:
            self.remark(answer.why)
        return answer.code

    async def get_groups(self, names: Iterable[str] = (), *, needed: bool = True) -> Memberships:
        assert not needed
        return Memberships(frozenset(), frozenset(names))

    async def ask(self, *messages: TextMessage) -> list[Answer]:
        self.told += messages
        if self.refusal:
            raise Abort(self.refusal)
        return [None for _ in messages]

    async def offload(self, function: Callable[..., Any], *args: Any) -> Any:
        self.offloads += 1
        return await Offload(function, args)

    def get_item(self, item: Any) -> Any:
        name = Item(item).name.lower()
        assert name in {"user", "service", "tty", "rhost", "ruser"}
        return getattr(self, name)

    def set_item(self, item: Any, value: Any) -> ReturnCode:
        if self.set_item_code is ReturnCode.SUCCESS:
            setattr(self, Item(item).name.lower(), value)
        return self.set_item_code

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def explain(self, reason: ReasonCode, text: str) -> None:
        assert text
        self.reasons.append(reason)
        self.remark(text)


@pytest.fixture
def attempt() -> type[FakeAttempt]:
    """Return a maker of fake attempts."""
    return FakeAttempt


@pytest.fixture
def ask() -> Ask:
    """Return a function that asks a module one operation, and returns its answer."""

    def ask_module(
        kind: Any, arguments: Any, operation: Operation, fake: FakeAttempt
    ) -> ReturnCode:
        options, problems = kind.options_type.from_arguments(arguments)
        assert not any(problem.fatal for problem in problems)
        fake.operation = operation
        code: ReturnCode = run(getattr(kind(options), operation.method)(fake))
        return code

    return ask_module
