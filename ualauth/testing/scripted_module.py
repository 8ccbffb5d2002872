"""A module whose answers are written down beforehand.

In a service file, steps are separated by commas:

    auth required scripted authenticate=user,password,auth_err,success

or, in a test, `ScriptedModule(Script(authenticate=(AskUser(), ReturnCode.SUCCESS)))`.
Each call takes the steps up to the next answer; when there are none left, the
last call's are repeated. Without steps the answer is `SUCCESS`.

    user  password         get the user, get the token
    ask:TEXT  info:TEXT    put a question, say something
    delay:SECONDS          ask for a delay on failure
    hang:SECONDS           offload a call that takes so long
    a return code          answer it
    raise:NAME             raise a built-in exception
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any

from ualauth.codes import TOKENS, Operation, ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.messages import Answer, Error, Info, Question
from ualauth.contract.module import Module
from ualauth.contract.options import OptionProblem
from ualauth.stack.model import Service


@dataclass(frozen=True, slots=True)
class AskUser:
    """Get the user."""


@dataclass(frozen=True, slots=True)
class AskPassword:
    """Get the token."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Ask for a delay if the operation fails."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Offload a call that takes so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Returns:
    """Answer something that need not be a return code."""

    value: object


Deed = AskUser | AskPassword | Question | Info | Error | Delay | Hang
Reply = ReturnCode | Returns | BaseException | type[BaseException]
Step = Deed | Reply
Steps = tuple[Step, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """The steps of each operation."""

    authenticate: Annotated[Steps, "Steps of authenticate."] = ()
    setcred: Annotated[Steps, "Steps of setcred."] = ()
    acct_mgmt: Annotated[Steps, "Steps of acct_mgmt."] = ()
    open_session: Annotated[Steps, "Steps of open_session."] = ()
    close_session: Annotated[Steps, "Steps of close_session."] = ()
    chauthtok: Annotated[Steps, "Steps of chauthtok, for both passes."] = ()

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Script | None, list[OptionProblem]]:
        """Read `operation=step,step,...`."""
        names = [field.name for field in fields(cls)]
        values: dict[str, Steps] = {}
        problems: list[OptionProblem] = []
        for index, argument in enumerate(arguments):
            name, equals, text = argument.partition("=")
            try:
                if name not in names or not equals:
                    raise ValueError(f"{argument!r} is no operation=step,...")  # noqa: TRY301
                values[name] = tuple(map(_step, text.split(",")))
            except ValueError as error:
                problems.append(OptionProblem(index, str(error), f"use {', '.join(names)}"))
        return (None if problems else cls(**values)), problems


@dataclass(frozen=True, slots=True)
class Asked:
    """What the module was asked, and what it learned; a token is never shown."""

    operation: Operation
    flags: int
    user: str | None
    answers: tuple[Answer, ...] = ()

    def __repr__(self) -> str:
        """Show no answers: some are passwords."""
        return f"Asked({self.operation}, flags={self.flags:#x}, user={self.user!r})"


class ScriptedModule(Module[Script]):
    """Do and answer what the script says; `asked` has every call."""

    options_type = Script

    def __init__(self, options: Script) -> None:
        """Begin at the first step of each operation."""
        super().__init__(options)
        self.asked: list[Asked] = []
        self._turns = {each: _turns(getattr(options, each.method)) for each in Operation}
        self._calls = dict.fromkeys(Operation, 0)

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Follow the script."""
        turns = self._turns[attempt.operation]
        call = self._calls[attempt.operation]
        self._calls[attempt.operation] += 1
        *deeds, reply = turns[min(call, len(turns) - 1)]
        answers: list[Answer] = []
        try:
            for deed in deeds:
                answers += await _do(attempt, deed)
        finally:
            asked = Asked(attempt.operation, attempt.flags, attempt.user, tuple(answers))
            self.asked.append(asked)
        code: ReturnCode = _reply(reply)
        return code

    setcred = authenticate
    acct_mgmt = authenticate
    open_session = authenticate
    close_session = authenticate
    chauthtok = authenticate


def scripted_modules(service: Service) -> list[ScriptedModule]:
    """Return the scripted modules of a compiled service, in the order of its entries."""
    modules: dict[int, ScriptedModule] = {}
    for stack in service.stacks.values():
        for entry in stack:
            module = getattr(entry.methods[Operation.AUTHENTICATE], "__self__", None)
            if isinstance(module, ScriptedModule):
                modules[id(module)] = module
    return list(modules.values())


def _turns(steps: Steps) -> list[Steps]:
    """Split the steps after each reply."""
    turns: list[Steps] = []
    begin = 0
    for end, step in enumerate(steps, 1):
        if not isinstance(step, Deed):
            turns.append(steps[begin:end])
            begin = end
    if begin < len(steps):
        raise ValueError("the last step must be an answer")
    return turns or [(ReturnCode.SUCCESS,)]


async def _do(attempt: Attempt, deed: Step) -> list[Answer]:
    match deed:
        case AskUser():
            return [await attempt.get_user()]
        case AskPassword():
            return [await attempt.get_authtok()]
        case Question() | Info() | Error():
            return await attempt.ask(deed)
        case Delay(seconds):
            attempt.fail_delay(seconds)
        case Hang(seconds):
            await attempt.offload(time.sleep, seconds)
    return []


def _reply(reply: Step) -> Any:  # noqa: ANN401 - a script may answer nonsense
    if isinstance(reply, BaseException | type):
        raise reply
    return reply.value if isinstance(reply, Returns) else reply


def _step(word: str) -> Step:  # noqa: PLR0911 - one for each word
    kind, _, text = word.partition(":")
    match kind:
        case "user":
            return AskUser()
        case "password":
            return AskPassword()
        case "ask":
            return Question(text, echo=True)
        case "info":
            return Info(text)
        case "delay":
            return Delay(float(text))
        case "hang":
            return Hang(float(text))
        case "raise":
            error = getattr(builtins, text, None)
            if isinstance(error, type) and issubclass(error, BaseException):
                return error
        case _ if word in TOKENS:
            return TOKENS[word]
    raise ValueError(f"{word!r} is no step")
