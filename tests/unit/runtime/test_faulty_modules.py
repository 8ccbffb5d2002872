"""Modules with bugs: whatever they do, no user is let in by it, and others are not harmed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.machine import patience
from ualauth.codes import Operation, ReturnCode
from ualauth.errors import AuthenticationFailed, StoreError, TemporaryFailure
from ualauth.module import Abort, Attempt, Module, immediate
from ualauth.modules.pam_permit import Options
from ualauth.testing.folder import ConfigFolder

if TYPE_CHECKING:
    from tests.conftest import Way

SUCCESS = ReturnCode.SUCCESS
SYSTEM_ERR = ReturnCode.SYSTEM_ERR
UNAVAIL = ReturnCode.AUTHINFO_UNAVAIL
CANARY = "canary-Pa55word"


class Faulty(Module[Options]):
    """Do in `authenticate` what a test says: return, raise or await."""

    options_type = Options
    deed: Any = None

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        code: ReturnCode = await type(self).deed(attempt)
        return code

    acct_mgmt = authenticate


class FaultyPlain(Faulty):
    """The same in a plain method, which is offloaded."""

    def authenticate(self, attempt: Attempt) -> ReturnCode:  # type: ignore[override]  # another kind of method
        code: ReturnCode = type(self).deed(attempt)
        return code

    acct_mgmt = authenticate  # type: ignore[assignment]  # another kind of method


class FaultyImmediate(Faulty):
    """The same in a plain method, which is called on the spot."""

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode:  # type: ignore[override]  # another kind of method
        code: ReturnCode = type(self).deed(attempt)
        return code

    acct_mgmt = authenticate  # type: ignore[assignment]  # another kind of method


@pytest.fixture(params=[Faulty, FaultyPlain, FaultyImmediate], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Faulty]:
    """Return one kind of module after the other."""
    param: type[Faulty] = request.param
    return param


def answer_of(folder: ConfigFolder, way: Way, kind: type[Faulty], deed: Any) -> ReturnCode:
    """Return what authenticate answers where a faulty module is all there is."""

    async def in_coroutine(attempt: Attempt) -> Any:
        return deed(attempt)

    kind.deed = staticmethod(in_coroutine if kind is Faulty else deed)
    folder.module("faulty", kind)
    folder.service("test", "auth required faulty\naccount required pam_permit\n")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        return way.perform(handle, Operation.AUTHENTICATE)


NONSENSE = [None, 0, 1, True, False, "yes", "success", "", b"", (), SUCCESS.value, object(),
            [SUCCESS], 7.0, ReturnCode, Operation.AUTHENTICATE]  # fmt: skip


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value).partition(" at ")[0])
def test_an_answer_that_is_no_return_code_refuses(
    value: object,
    kind: type[Faulty],
    folder: ConfigFolder,
    way: Way,
) -> None:
    assert answer_of(folder, way, kind, lambda _attempt: value) is SYSTEM_ERR


ERRORS = [
    (ValueError(CANARY), SYSTEM_ERR),
    (ZeroDivisionError(), SYSTEM_ERR),
    (AssertionError(CANARY), SYSTEM_ERR),
    (SystemExit(0), SYSTEM_ERR),
    (SystemExit(CANARY), SYSTEM_ERR),
    (StopIteration(SUCCESS), SYSTEM_ERR),
    (StopAsyncIteration(), SYSTEM_ERR),
    (MemoryError(), UNAVAIL),
    (RecursionError(), SYSTEM_ERR),
    (ExceptionGroup(CANARY, [ValueError(CANARY)]), SYSTEM_ERR),
    (OSError(2, CANARY), SYSTEM_ERR),
    (OSError(5, CANARY), UNAVAIL),
    (OSError(12, CANARY), UNAVAIL),
    (OSError(23, CANARY), UNAVAIL),
    (OSError(24, CANARY, "/a/file"), UNAVAIL),
    (BlockingIOError(11, CANARY), SYSTEM_ERR),
    (RuntimeError("can't start new thread"), UNAVAIL),
    (RuntimeError(CANARY), SYSTEM_ERR),
    (AuthenticationFailed(SUCCESS), SYSTEM_ERR),
    (TimeoutError(), UNAVAIL),
    (StoreError("the disk is full"), UNAVAIL),
    (Abort(ReturnCode.MAXTRIES), ReturnCode.MAXTRIES),
    (Abort(0), SYSTEM_ERR),  # type: ignore[arg-type]  # what is tested
    (Abort("success"), SYSTEM_ERR),  # type: ignore[arg-type]  # what is tested
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda each: repr(each)[:30])
def test_an_exception_in_a_module_refuses(
    error: BaseException,
    code: ReturnCode,
    kind: type[Faulty],
    folder: ConfigFolder,
    way: Way,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def deed(_attempt: Attempt) -> ReturnCode:
        raise error

    assert answer_of(folder, way, kind, deed) is code
    assert CANARY not in caplog.text
    if code is not ReturnCode.MAXTRIES:
        assert f"{folder.services}/test:1: faulty (authenticate): " in caplog.text


def test_a_refusal_cannot_be_a_success(folder: ConfigFolder, way: Way, kind: type[Faulty]) -> None:
    def deed(_attempt: Attempt) -> ReturnCode:
        raise Abort(SUCCESS, "why")

    with pytest.raises(ValueError, match="cannot be SUCCESS"):
        Abort(SUCCESS)
    assert answer_of(folder, way, kind, deed) is SYSTEM_ERR


class ByClass(Abort):
    """Say so in the class."""

    code = SUCCESS

    def __init__(self) -> None:
        """Keep nothing."""


class ByProperty(Abort):
    """Say so by a property."""

    @property
    def code(self) -> ReturnCode:
        return SUCCESS

    @code.setter
    def code(self, value: ReturnCode) -> None:
        """Keep nothing."""


def _assigned() -> Abort:
    abort = Abort(ReturnCode.AUTH_ERR)
    abort.code = SUCCESS
    return abort


@pytest.mark.parametrize("make", [ByClass, lambda: ByProperty(ReturnCode.AUTH_ERR), _assigned])
def test_a_refusal_that_becomes_a_success_is_read_as_a_fault(
    folder: ConfigFolder, way: Way, kind: type[Faulty], make: Any
) -> None:
    def deed(_attempt: Attempt) -> ReturnCode:
        raise make()

    def handing_on(_attempt: Attempt) -> ReturnCode:
        try:
            raise make()
        except Abort as abort:
            return abort.code

    assert answer_of(folder, way, kind, deed) is SYSTEM_ERR
    assert answer_of(folder, way, kind, handing_on) is SYSTEM_ERR


def test_an_interruption_from_the_keyboard_is_no_modules_answer(
    folder: ConfigFolder,
    way: Way,
) -> None:
    class Interrupt(BaseException):
        pass

    def deed(_attempt: Attempt) -> ReturnCode:
        raise Interrupt

    with pytest.raises(Interrupt):
        answer_of(folder, way, Faulty, deed)


def test_a_fault_is_a_temporary_failure_and_tells_where(
    folder: ConfigFolder,
    way: Way,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def deed(_attempt: Attempt) -> ReturnCode:
        raise LookupError(CANARY)

    Faulty.deed = staticmethod(deed)
    folder.module("faulty", Faulty)
    folder.service("test", "auth required faulty\naccount required pam_permit\n")

    with pytest.raises(TemporaryFailure) as raised:
        way.login(folder.config(), "test", "jsmith", "s3cret")

    assert raised.value.code is SYSTEM_ERR
    assert raised.value.__cause__ is None
    (record,) = [each for each in caplog.records if each.name == "ualauth.login"]
    assert record.levelno == logging.ERROR
    assert "raised LookupError" in record.getMessage()
    assert "test_faulty_modules.py:" in record.getMessage()
    assert CANARY not in caplog.text


def test_an_optional_module_with_a_fault_does_not_keep_others_from_granting(
    folder: ConfigFolder,
    way: Way,
) -> None:
    async def deed(_attempt: Attempt) -> ReturnCode:
        raise LookupError

    Faulty.deed = staticmethod(deed)
    folder.module("faulty", Faulty)
    folder.service(
        "test",
        "auth optional faulty\nauth required pam_permit\naccount required pam_permit\n",
    )
    assert way.login(folder.config(), "test", "jsmith", "s3cret").user == "jsmith"


class _Foreign:
    """An awaitable that belongs to no attempt."""

    def __await__(self) -> Iterator[str]:
        yield "please"


def _foreign(way: Way) -> list[Any]:
    makers: list[Any] = [_Foreign, lambda: asyncio.sleep(0)]
    if way.asynchronous:
        makers += [lambda: asyncio.sleep(1), lambda: asyncio.get_running_loop().create_future()]
    return makers


def test_a_module_that_awaits_something_else_refuses(
    folder: ConfigFolder,
    way: Way,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder.module("faulty", Faulty)
    folder.service("test", "auth required faulty\n")
    for make in _foreign(way):

        async def deed(_attempt: Attempt, make: Any = make) -> ReturnCode:
            await make()
            return SUCCESS

        Faulty.deed = staticmethod(deed)
        with way.begin(folder.config(), "test", "jsmith", None) as handle:
            assert way.perform(handle, Operation.AUTHENTICATE) is SYSTEM_ERR
    assert "raised RuntimeError" in caplog.text


def test_a_module_may_wait_for_an_asyncio_library(folder: ConfigFolder, way: Way) -> None:
    async def library() -> str:
        await asyncio.sleep(0)
        return "jsmith"

    async def deed(attempt: Attempt) -> ReturnCode:
        return SUCCESS if await attempt.wait(library()) == "jsmith" else ReturnCode.AUTH_ERR

    Faulty.deed = staticmethod(deed)
    folder.module("faulty", Faulty)
    folder.service("test", "auth required faulty\n")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        code = way.perform(handle, Operation.AUTHENTICATE)

    assert code is (SUCCESS if way.asynchronous else SYSTEM_ERR)


def test_an_exception_of_what_a_module_waits_for_is_the_modules(
    folder: ConfigFolder,
    way: Way,
) -> None:
    def fail() -> None:
        raise LookupError

    async def deed(attempt: Attempt) -> ReturnCode:
        try:
            await attempt.offload(fail)
        except LookupError:
            return SUCCESS
        return ReturnCode.AUTH_ERR

    Faulty.deed = staticmethod(deed)
    folder.module("faulty", Faulty)
    folder.service("test", "auth required faulty\n")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS


def test_a_plain_method_runs_where_it_may_block(folder: ConfigFolder, way: Way) -> None:
    threads: list[threading.Thread] = []

    def deed(_attempt: Attempt) -> ReturnCode:
        threads.append(threading.current_thread())
        return SUCCESS

    assert answer_of(folder, way, FaultyPlain, deed) is SUCCESS
    assert (threads[0] is threading.main_thread()) != way.asynchronous


def test_an_immediate_method_runs_on_the_spot(folder: ConfigFolder, way: Way) -> None:
    threads: list[threading.Thread] = []

    def deed(_attempt: Attempt) -> ReturnCode:
        threads.append(threading.current_thread())
        return SUCCESS

    assert answer_of(folder, way, FaultyImmediate, deed) is SUCCESS
    assert threads == [threading.main_thread()]


# Deadlines


@pytest.fixture
def short(folder: ConfigFolder) -> ConfigFolder:
    """Return a folder whose modules have little time."""
    folder.settings(f"[stack]\ntimeout = {patience(0.8)}\nfail_delay = false\n")
    return folder


def deadline_answer(folder: ConfigFolder, way: Way, deed: Any, auth: str = "required") -> Any:
    """Return what a login ends with, and how long it took."""
    Faulty.deed = staticmethod(deed)
    folder.module("faulty", Faulty)
    folder.service("test", f"auth {auth} faulty\nauth required pam_permit\n")
    with way.begin(folder.config(), "test", "jsmith", None) as handle:
        started = time.monotonic()
        code = way.perform(handle, Operation.AUTHENTICATE)
        return code, time.monotonic() - started, [step.remark for step in handle.trace]


def test_what_is_not_done_in_time_counts_as_not_checked(short: ConfigFolder, way: Way) -> None:
    async def deed(attempt: Attempt) -> ReturnCode:
        await attempt.offload(time.sleep, patience(1.6))
        return SUCCESS

    code, seconds, remarks = deadline_answer(short, way, deed)

    assert code is UNAVAIL
    assert seconds >= 0.79
    assert remarks[0] == "did not answer in time"
    with pytest.raises(TemporaryFailure):
        way.login(short.config(), "test", "jsmith", "s3cret")


def test_the_time_is_that_of_all_modules_together(short: ConfigFolder, way: Way) -> None:
    async def deed(attempt: Attempt) -> ReturnCode:
        for _ in range(20):
            await attempt.offload(time.sleep, patience(0.12))
        return SUCCESS

    code, _, _ = deadline_answer(short, way, deed)

    assert code is UNAVAIL


def test_a_module_that_is_asked_after_the_time_is_up_is_not_waited_for(
    short: ConfigFolder,
    way: Way,
) -> None:
    calls: list[int] = []

    async def deed(attempt: Attempt) -> ReturnCode:
        try:
            await attempt.offload(time.sleep, patience(1.2))
        except TimeoutError:
            await attempt.offload(calls.append, 1)
        return SUCCESS

    code, _, _ = deadline_answer(short, way, deed)

    assert code is UNAVAIL
    assert calls == []


def test_each_operation_has_its_own_time(short: ConfigFolder, way: Way) -> None:
    async def deed(attempt: Attempt) -> ReturnCode:
        await attempt.offload(time.sleep, patience(1.4))
        return SUCCESS

    short.settings(f"[stack]\ntimeout = {patience(2.4)}\n")
    Faulty.deed = staticmethod(deed)
    short.module("faulty", Faulty)
    short.service("test", "auth required faulty\naccount required faulty\n")

    assert way.login(short.config(), "test", "jsmith", "s3cret").user == "jsmith"


def test_the_persons_time_is_not_the_modules(short: ConfigFolder, way: Way) -> None:
    from ualauth.messages import Question

    async def deed(attempt: Attempt) -> ReturnCode:
        await attempt.ask(Question("?"))
        await attempt.offload(int)
        return SUCCESS

    def conversation(_messages: Any) -> list[str]:
        time.sleep(patience(1.2))
        return ["y"]

    Faulty.deed = staticmethod(deed)
    short.module("faulty", Faulty)
    short.service("test", "auth required faulty\n")
    with way.begin(short.config(), "test", "jsmith", conversation) as handle:
        assert way.perform(handle, Operation.AUTHENTICATE) is SUCCESS


def test_a_module_that_did_not_answer_in_time_may_be_optional(
    short: ConfigFolder,
    way: Way,
) -> None:
    async def deed(attempt: Attempt) -> ReturnCode:
        await attempt.offload(time.sleep, patience(1.2))
        return SUCCESS

    code, _, _ = deadline_answer(short, way, deed, "optional")

    assert code is SUCCESS
