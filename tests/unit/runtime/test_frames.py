"""An exception that leaves ualauth holds no secret, whichever tool looks at its frames."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from ualauth import errors
from ualauth.codes import ReturnCode
from ualauth.contract.credentials import CredentialKind, Exchange
from ualauth.messages import Question
from ualauth.module import Attempt, Module
from ualauth.modules.pam_permit import Options
from ualauth.runtime import login as login_of_runtime
from ualauth.system.frames import clear_locals
from ualauth.testing.folder import ConfigFolder

if TYPE_CHECKING:
    from tests.conftest import Way

CANARY = "canary-Pa55word"
NEW = "canary-N3wword"
_TESTS = str(Path(__file__).parents[2])


class Careless(Module[Options]):
    """Hold the password in locals, and end as the user's name says."""

    options_type = Options
    verifies = frozenset({CredentialKind.PASSWORD, CredentialKind.SCRAM, CredentialKind.TOKEN})

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        exchange = attempt.exchange
        password = await attempt.get_authtok() if exchange is None else CANARY
        held = [password, {"again": password}]
        if attempt.user == "interrupted":
            raise KeyboardInterrupt(len(held))
        if attempt.user == "in a thread":
            await attempt.offload(interrupted, password, held)
        if attempt.user == "exit":
            await attempt.offload(exited, password)
        if attempt.user == "unchecked":
            return ReturnCode.AUTHINFO_UNAVAIL
        if attempt.user == "bug":
            raise ValueError(password)
        if attempt.user == "late":
            raise TimeoutError(password)
        if attempt.user == "right":
            if exchange is not None:
                exchange.accept()
            return ReturnCode.SUCCESS
        if attempt.user == "asked":
            await attempt.ask(Question("once more: "))
        return ReturnCode.AUTH_ERR

    acct_mgmt = chauthtok = authenticate


def interrupted(password: str, held: object) -> None:
    raise KeyboardInterrupt(len(password), held is None)


def exited(password: str) -> None:
    raise GeneratorExit(len(password))


def frames(error: BaseException) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what each call holds that is none of the caller's, of all exceptions behind it."""
    chain: list[BaseException | None] = [error]
    seen: set[int] = set()
    while chain:
        each = chain.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        chain += [each.__cause__, each.__context__]
        entry: TracebackType | None = each.__traceback__
        while entry is not None:
            frame = entry.tb_frame
            yield frame.f_code.co_filename, dict(frame.f_locals)
            entry = entry.tb_next


def assert_no_secret(error: BaseException | None) -> None:
    assert error is not None, "nothing was raised"
    shown = 0
    for place, variables in frames(error):
        if place.startswith(_TESTS) and place != __file__:
            continue
        ours = not place.startswith(_TESTS)
        shown += ours
        if ours or "held" in variables:
            text = repr(variables) + "".join(map(str, variables.values()))
            assert CANARY not in text, (place, variables)
            assert NEW not in text, (place, variables)
    assert shown
    shown_text = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=True).format()
    )
    assert "ualauth" in shown_text


def service(folder: ConfigFolder) -> None:
    folder.module("careless", Careless)
    folder.settings(
        """
        [sasl]
        mechanisms = ["PLAIN", "SCRAM-SHA-256", "OAUTHBEARER"]
        [stack]
        fail_delay = false
        """
    )
    folder.service(
        "test",
        "auth required careless\naccount required pam_permit\npassword required careless\n",
    )


ENDINGS: dict[str, type[BaseException]] = {
    "wrong": errors.AuthenticationFailed,
    "unchecked": errors.TemporaryFailure,
    "bug": errors.TemporaryFailure,
    "late": errors.TemporaryFailure,
    "interrupted": KeyboardInterrupt,
    "in a thread": KeyboardInterrupt,
    "exit": GeneratorExit,
    "asked": errors.TemporaryFailure,
    "x" * 2000: errors.AuthenticationFailed,
}


def caught(way: Way, call: Callable[[], Any]) -> BaseException | None:
    """Return what a call raised, before asyncio handles it."""

    async def run() -> BaseException | None:
        try:
            await call()
        except BaseException as error:  # noqa: BLE001 - that is what is looked at
            return error
        return None

    if way.asynchronous:
        error: BaseException | None = way.run(run())
        return error
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - likewise
        return error
    return None


@pytest.mark.parametrize("user", ENDINGS)
def test_a_login_that_fails(folder: ConfigFolder, way: Way, user: str) -> None:
    service(folder)
    auth = way.authenticator(folder.config())
    for call in (
        lambda: auth.authenticate("test", user, CANARY, rhost="192.0.2.7"),
        lambda: auth.change_password("test", user, CANARY, NEW),
    ):
        error = caught(way, call)
        assert isinstance(error, ENDINGS[user] | errors.AuthenticationError)
        assert_no_secret(error)


def test_a_call_with_wrong_arguments(folder: ConfigFolder, way: Way) -> None:
    service(folder)
    auth: Any = way.authenticator(folder.config())
    calls: tuple[Callable[[], Any], ...] = (
        lambda: auth.authenticate("test", 5, CANARY),
        lambda: auth.authenticate("test", "wrong", CANARY.encode()),
        lambda: auth.authenticate("test", "wrong", CANARY, rhost=7),
        lambda: auth.authenticate("none such", "wrong", CANARY),
        lambda: auth.authenticate("test", "wrong", CANARY + "\0"),
        lambda: auth.authenticate("test", "wrong", CANARY + "\ud800"),
        lambda: auth.change_password("test", None, CANARY, NEW),
        lambda: auth.change_password("test", "wrong", CANARY, [NEW]),
        lambda: auth.change_password("none such", "wrong", CANARY, NEW),
    )
    for call in calls:
        error = caught(way, call)
        assert isinstance(error, TypeError | errors.UalauthError)
        assert_no_secret(error)


def test_a_bug_of_ualauth_itself_keeps_its_lines(
    folder: ConfigFolder, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(handle: Any, *, anonymous: bool = False) -> None:
        held = handle, CANARY, anonymous
        raise AssertionError(len(held))

    service(folder)
    monkeypatch.setattr(login_of_runtime, "identity_of", broken)
    auth = way.authenticator(folder.config())
    error = caught(way, lambda: auth.authenticate("test", "right", CANARY))
    assert isinstance(error, AssertionError)
    assert_no_secret(error)
    assert "in login" in "".join(traceback.format_exception(error))


MESSAGES = {
    "PLAIN": (f"\0wrong\0{CANARY}", f"\0unchecked\0{CANARY}", f"\0interrupted\0{CANARY}", CANARY),
    "OAUTHBEARER": (
        f"n,a=wrong,\1auth=Bearer {CANARY}\1\1",
        f"n,a=unchecked,\1auth=Bearer {CANARY}\1\1",
        f"n,,\1auth=Bearer {CANARY}\1\1",
        f"n,,{CANARY}",
    ),
    "SCRAM-SHA-256": (f"n,,n=wrong,r={CANARY}", f"n,,n=interrupted,r={CANARY}", CANARY),
}


@pytest.mark.parametrize("mechanism", MESSAGES)
def test_an_exchange_that_fails(folder: ConfigFolder, way: Way, mechanism: str) -> None:
    service(folder)
    auth: Any = way.authenticator(folder.config())
    for message in MESSAGES[mechanism]:
        exchange = auth.sasl("test", mechanism, tls=True)
        failures = 0
        for _ in range(4):
            # Beyond its end, too.
            error = caught(way, partial(exchange.step, message.encode()))
            if error is not None:
                assert_no_secret(error)
                failures += 1
        assert failures >= 2
        for wrong in (message, bytearray(message.encode())):
            exchange = auth.sasl("test", mechanism, tls=True)
            error = caught(way, partial(exchange.step, wrong))
            assert isinstance(error, TypeError)
            assert_no_secret(error)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_a_conversation_that_fails(
    folder: ConfigFolder, way: Way, failure: type[BaseException]
) -> None:
    service(folder)
    answers = [CANARY]

    def converse(messages: list[Any]) -> list[str]:
        if answers:
            return [answers.pop() for _ in messages]
        raise failure

    with way.begin(folder.config(), "test", "asked", converse) as transaction:
        for operation in ("authenticate", "chauthtok"):
            answers[:] = [CANARY]
            error = caught(way, getattr(transaction, operation))
            # Others are a module's bug, and become a code.
            assert (error is None) == (failure is OSError)
            if error is not None:
                assert_no_secret(error)


def test_a_login_that_is_cancelled(folder: ConfigFolder) -> None:
    from ualauth import AsyncAuthenticator

    service(folder)
    asked = asyncio.Event()

    async def never(_: list[Any]) -> list[str]:
        asked.set()
        await asyncio.Event().wait()
        return []

    async def run() -> BaseException:
        transaction = AsyncAuthenticator(folder.config()).transaction("test", "wrong", never)
        task = asyncio.ensure_future(transaction.authenticate())
        await asked.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return error
        raise AssertionError("it was not cancelled")

    assert_no_secret(asyncio.run(run()))


def test_what_the_callers_hold_is_theirs(folder: ConfigFolder, way: Way) -> None:
    """Also what a caller handles when it calls, and a coroutine of it that is suspended."""
    service(folder)
    auth = way.authenticator(folder.config())

    def failing() -> None:
        held = CANARY
        raise OSError(len(held))

    async def run() -> BaseException | None:
        try:
            failing()
        except OSError:
            try:
                await auth.authenticate("test", "wrong", CANARY)  # type: ignore[misc]
            except errors.AuthenticationFailed as refusal:
                return refusal.__context__
        return None

    def run_blocking() -> BaseException | None:
        try:
            failing()
        except OSError:
            try:
                auth.authenticate("test", "wrong", CANARY)
            except errors.AuthenticationFailed as refusal:
                return refusal.__context__
        return None

    behind = way.run(run()) if way.asynchronous else run_blocking()
    assert isinstance(behind, OSError)
    assert any(variables.get("held") == CANARY for _, variables in frames(behind))


def test_no_coroutine_is_closed_that_is_suspended() -> None:
    def fail() -> None:
        held = CANARY
        raise ValueError(len(held))

    def fail_otherwise() -> None:
        raise RuntimeError

    def generator() -> Iterator[BaseException]:
        try:
            fail()
        except ValueError as error:
            yield error
        yield KeyError()

    def handling(running: Iterator[BaseException]) -> BaseException:
        try:
            raise next(running)
        except ValueError as error:
            try:
                fail_otherwise()
            except RuntimeError as own:
                clear_locals(own)
            return error

    running = generator()
    handling(running)
    assert isinstance(next(running), KeyError)


def test_an_exchange_as_a_credential_shows_nothing() -> None:
    assert CANARY not in repr(Exchange())
